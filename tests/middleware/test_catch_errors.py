"""Whatever goes wrong behind the first filter ends as one clear answer, or as a connection that is cut."""

import json
import logging

import pytest

from glancelite.errors import BodyTooLarge, RegistryUnavailable
from glancelite.middleware.catch_errors import CatchErrors, WrongLength
from glancelite.middleware.request_id import RequestId


def raising(error):
    def app(environ, start_response):
        raise error

    return app


def serve(app, method="GET"):
    """Run an app as a server does: what was started, what went out, and what came through as an exception."""
    started, out = [], []
    body = app({"REQUEST_METHOD": method, "PATH_INFO": "/x"}, lambda *given: started.append(given))
    try:
        out.extend(body)
    except Exception as error:
        return started, out, error
    finally:
        body.close()
    return started, out, None


def test_an_exception_is_a_500_that_tells_nothing_but_the_request_id(ask, caplog):
    app = CatchErrors(RequestId(raising(KeyError("the password is swordfish"))))
    response = ask(app, headers={"Accept": "application/json", "X-Openstack-Request-Id": "req-1"})
    assert response.status_int == 500
    assert response.headers["x-openstack-request-id"] == "req-1"
    assert json.loads(response.body) == {
        "message": "The service has erred and could not carry out the request. Request id: req-1.",
        "code": "500 Internal Server Error",
        "title": "Internal Server Error",
    }


def test_an_exception_is_logged_once_with_its_traceback(ask, caplog):
    ask(CatchErrors(RequestId(raising(KeyError("swordfish")))), headers={"X-Openstack-Request-Id": "req-1"})
    (record,) = caplog.records
    assert record.getMessage() == "req-1 GET '/v2/images' failed"
    assert "swordfish" in caplog.text
    assert "Traceback" in caplog.text


def test_a_known_error_keeps_its_own_status_and_is_nothing_to_log(ask, caplog):
    response = ask(CatchErrors(raising(BodyTooLarge(limit=9))))
    assert response.status_int == 413
    assert "larger than the 9 bytes" in response.text
    assert not caplog.records


def test_a_known_error_of_the_service_is_logged_without_a_traceback(ask, caplog):
    response = ask(CatchErrors(raising(RegistryUnavailable(reason="refused"))))
    assert (response.status_int, response.headers["Retry-After"]) == (503, "2")
    (record,) = caplog.records
    assert record.exc_info is None


def test_exits_are_not_caught():
    with pytest.raises(SystemExit):
        CatchErrors(raising(SystemExit()))({}, lambda *given: None)


def test_an_exception_before_the_first_byte_replaces_the_answer(app):
    app.chunks = [b"", ValueError("early")]
    started, out, error = serve(CatchErrors(app))
    assert error is None
    assert [status for status, *_ in started] == ["200 OK", "500 Internal Server Error"]
    assert started[1][2][0] is ValueError
    assert b"could not carry out" in out[0]
    assert app.closed == 1


def test_an_exception_amid_the_body_is_logged_and_cuts_the_connection(app, caplog):
    app.chunks = [b"he", ValueError("late")]
    started, out, error = serve(CatchErrors(app))
    assert isinstance(error, ValueError)
    assert (len(started), out, app.closed) == (1, [b"he"], 1)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


@pytest.mark.parametrize("chunks", [[b"hell"], [b"hel", b""]])
def test_a_body_that_ends_early_cuts_the_connection(app, chunks, caplog):
    app.chunks = chunks
    _, out, error = serve(CatchErrors(app))
    assert isinstance(error, WrongLength)
    assert b"".join(out) == b"".join(chunks)
    assert "were promised" in caplog.text


@pytest.mark.parametrize("chunks", [[b"hel", b"lo!"], [b"hel", b"lo", b"!"]])
def test_a_body_that_goes_on_too_long_never_completes_a_clean_answer(app, chunks):
    app.chunks = chunks
    _, out, error = serve(CatchErrors(app))
    assert isinstance(error, WrongLength)
    assert len(b"".join(out)) < 5


@pytest.mark.parametrize("chunks", [[], [b""], [b"hello world"]])
def test_a_body_of_the_wrong_length_of_which_nothing_is_out_is_a_500(app, chunks):
    app.chunks = chunks
    started, out, error = serve(CatchErrors(app))
    assert error is None
    assert [status for status, *_ in started] == ["200 OK", "500 Internal Server Error"]
    assert len(b"".join(out)) == int(dict(started[1][1])["Content-Length"])


@pytest.mark.parametrize("chunks", [[b"hello"], [b"hel", b"lo"], [b"", b"hello", b""]])
def test_a_body_of_the_promised_length_passes_whole(app, chunks):
    app.chunks = chunks
    _, out, error = serve(CatchErrors(app))
    assert (b"".join(out), error, app.closed) == (b"hello", None, 1)


def test_a_body_without_a_promise_may_have_any_length(app):
    app.headers, app.chunks = [], [b"hello", b"world"]
    assert serve(CatchErrors(app))[1] == [b"hello", b"world"]


def test_an_answer_to_head_has_no_body_whatever_was_promised(app):
    for chunks in ([], [b"hello"]):
        app.chunks = chunks
        assert serve(CatchErrors(app), "HEAD")[1:] == ([], None)


def test_an_app_that_starts_late_is_watched_as_well():
    def late(environ, start_response):
        start_response("200 OK", [("Content-Length", "5")])
        yield b"hell"

    assert isinstance(serve(CatchErrors(late))[2], WrongLength)


def test_bytes_given_to_write_count():
    def writer(environ, start_response):
        start_response("200 OK", [("Content-Length", "5")])(b"hel")
        return [b"lo"]

    written = []
    body = CatchErrors(writer)({"REQUEST_METHOD": "GET"}, lambda *given: written.append)
    assert (list(body), written) == ([b"lo"], [b"hel"])


def test_the_body_is_closed_when_the_client_leaves_before_the_first_chunk(app):
    CatchErrors(app)({"REQUEST_METHOD": "GET"}, lambda *given: None).close()
    assert app.closed == 1


def test_trouble_in_closing_is_logged_and_harms_nobody(caplog):
    class Sticky(list):
        def close(self):
            raise OSError("stuck")

    def app(environ, start_response):
        start_response("200 OK", [])
        return Sticky([b"x"])

    assert serve(CatchErrors(app))[1:] == ([b"x"], None)
    assert "stuck" in caplog.text
