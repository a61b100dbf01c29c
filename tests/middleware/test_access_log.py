"""One line for each request: who, what, how it ended; no credentials, no forged lines."""

import logging
import re

import pytest
from gunicorn.http.wsgi import FileWrapper

from glancelite.domain.context import ENVIRON_KEY, Context
from glancelite.errors import ImageNotFound
from glancelite.middleware.access_log import AccessLog
from glancelite.middleware.base import REQUEST_ID_KEY


@pytest.fixture(autouse=True)
def _is_heard(caplog):
    caplog.set_level(logging.INFO, "glancelite.access")


def test_a_line_tells_who_asked_what_and_how_it_ended(app, ask, caplog):
    who = {ENVIRON_KEY: Context(user_id="alice", project_id="demo"), REQUEST_ID_KEY: "req-1"}
    ask(AccessLog(app), "/v2/images?limit=2", **who)
    (line,) = caplog.messages
    assert re.fullmatch(r'192\.0\.2\.7 "GET /v2/images\?limit=2" 200 5 \d+\.\dms req-1 user=alice project=demo', line)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_an_answer_that_has_no_body_is_whole_though_no_server_asks_for_it(caplog, status):
    def empty(environ, start_response):
        start_response(status, [("Content-Length", "0")])
        return [b""]

    environ = {"REQUEST_METHOD": "PUT", "PATH_INFO": "/"}
    AccessLog(empty)(environ, lambda status, headers, exc_info=None: None).close()
    assert f" {status[:3]} 0 " in caplog.text


def test_the_path_is_the_one_the_client_asked_for(app, ask, caplog):
    def rewriting(environ, start_response):
        environ["PATH_INFO"] = "/v2/images"
        return app(environ, start_response)

    ask(AccessLog(rewriting), "/v2.9/images")
    assert '"GET /v2.9/images"' in caplog.text


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("temp_url_sig=abc&limit=2", "temp_url_sig=***&limit=2"),
        ("X-Amz-Signature=abc", "X-Amz-Signature=***"),
        ("X-Amz-Credential=abc", "X-Amz-Credential=***"),
        ("p%61ssword=abc", "p%61ssword=***"),
        ("access_token=abc", "access_token=***"),
        ("uri=http%3A%2F%2Fme%3Aabc%40host%2Fx", "uri=***"),
        ("uri=http://me:abc@host/x", "uri=***"),
        ("sort_key=name&name=x%20y", "sort_key=name&name=x%20y"),
    ],
)
def test_credentials_in_the_query_are_not_written_down(app, ask, caplog, query, shown):
    ask(AccessLog(app), f"/v2/images?{query}")
    assert f"/v2/images?{shown}" in caplog.text


def test_a_request_cannot_forge_a_line_of_its_own(app, ask, caplog):
    ask(AccessLog(app), "/v2/images/a%0Ab%22c?x=%C3%A9", QUERY_STRING="x=\ny")
    (line,) = caplog.messages
    assert "/v2/images/a%0Ab%22c?x=%0Ay" in line


def test_an_exception_is_logged_with_the_status_it_will_become(ask, caplog):
    def failing(error):
        def app(environ, start_response):
            raise error

        return app

    with pytest.raises(ValueError):
        ask(AccessLog(failing(ValueError())))
    with pytest.raises(ImageNotFound):
        ask(AccessLog(failing(ImageNotFound(image_id="x"))))
    assert [re.search(r'" (\d+) 0 ', line)[1] for line in caplog.messages] == ["500", "404"]


def run(app, **environ):
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/x"} | environ
    return AccessLog(app)(environ, lambda status, headers: None)


def test_a_body_that_breaks_off_is_marked_as_cut(app, caplog):
    app.chunks = [b"he", OSError("gone")]
    body = run(app)
    with pytest.raises(OSError, match="gone"):
        list(body)
    body.close()
    assert '" 200 cut 2 ' in caplog.text
    assert app.closed == 1


def test_a_body_that_ends_early_is_marked_as_cut_and_one_for_head_is_not(app, caplog):
    app.chunks = [b"he"]
    for method in ("GET", "HEAD"):
        body = run(app, REQUEST_METHOD=method)
        assert list(body) == [b"he"]
        body.close()
    assert [" cut " in line for line in caplog.messages] == [True, False]


def test_a_body_that_fails_before_its_first_byte_is_a_500(app, caplog):
    app.chunks = [OSError("gone")]
    body = run(app)
    with pytest.raises(OSError, match="gone"):
        list(body)
    body.close()
    assert '" 500 0 ' in caplog.text


def test_a_client_that_leaves_is_logged_once_and_the_body_is_closed(app, caplog):
    body = run(app)
    next(iter(body))
    body.close()
    body.close()
    assert len(caplog.messages) == 1
    assert '" 200 cut 3 ' in caplog.text


def test_a_file_that_the_server_sends_is_logged_when_it_is_handed_over(caplog):
    file = FileWrapper(object())

    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", "77")])
        return file

    assert run(app, **{"wsgi.file_wrapper": FileWrapper}) is file
    assert '" 200 77 ' in caplog.text


def test_nothing_is_done_where_nobody_listens(app, caplog):
    caplog.set_level(logging.WARNING, "glancelite.access")
    assert run(app).__class__.__name__ == "Body"
    assert not caplog.messages


def test_an_empty_answer_that_the_server_does_not_ask_for_is_whole(caplog: pytest.LogCaptureFixture) -> None:
    def empty(environ, start_response):
        start_response("204 No Content", [("Content-Length", "0")])
        return [b""]

    caplog.set_level("INFO", "glancelite.access")
    environ = {"REQUEST_METHOD": "PUT", "SCRIPT_NAME": "", "PATH_INFO": "/", "QUERY_STRING": ""}
    body = AccessLog(empty)(environ, lambda status, headers, exc_info=None: None)
    body.close()
    assert '" 204 0 ' in caplog.text
