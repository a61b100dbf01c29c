"""JSON bodies stay small, whether they say how long they are or not; image data may have any size."""

import io

import pytest

from glancelite.middleware.catch_errors import CatchErrors
from glancelite.middleware.size_limit import SizeLimit


def reader(environ, start_response):
    """Answer with what the request's body says."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or -1))
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


class Chunks(io.BytesIO):
    """A body that arrives a few bytes at a time."""

    def read(self, size=-1):
        return super().read(min(size, 3) if size >= 0 else 3)


def chunked(body):
    return {"wsgi.input": Chunks(body), "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}


def limited():
    return CatchErrors(SizeLimit(reader, max_json_body="8"))


def test_a_body_of_the_greatest_size_passes(ask):
    assert ask(limited(), method="POST", body=b"12345678").body == b"12345678"
    assert ask(limited(), method="POST", **chunked(b"12345678")).body == b"12345678"


def test_a_longer_body_is_413_by_its_length_before_it_is_read(ask):
    body = io.BytesIO(b"123456789")
    response = ask(limited(), method="POST", CONTENT_LENGTH="9", **{"wsgi.input": body})
    assert response.status_int == 413
    assert "larger than the 8 bytes" in response.text
    assert body.tell() == 0


def test_a_longer_body_without_a_length_is_413_after_as_little_as_possible(ask):
    for kind in (Chunks, io.BytesIO):
        body = kind(b"x" * 100_000)
        response = ask(limited(), method="POST", **chunked(b"") | {"wsgi.input": body})
        assert response.status_int == 413
        assert body.tell() == 9


def test_a_body_without_a_length_can_be_read_in_every_way():
    def counted():
        environ = {"REQUEST_METHOD": "POST", "wsgi.input": Chunks(b"a\nb"), "wsgi.input_terminated": True}
        SizeLimit(lambda environ, start_response: [])(environ, lambda *given: None)
        return environ["wsgi.input"]

    assert counted().read() == b"a\nb"
    assert counted().read(2) == b"a\n"
    assert counted().readline() == b"a\n"
    assert list(counted()) == [b"a\n", b"b"]
    assert io.BufferedReader(counted()).read(99) == b"a\nb"


@pytest.mark.parametrize("action", ["file", "stage"])
def test_image_data_may_have_any_size(ask, action):
    path, data = f"/v2/images/0f/{action}", b"x" * 99
    assert ask(limited(), path, method="PUT", body=data).body == data
    assert ask(SizeLimit(reader), path, method="PUT", **chunked(b"x")).body == b"x"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v2/images/0f/file"),
        ("PUT", "/v2/images/0f/files"),
        ("PUT", "/v2/images/0f/members/file"),
        ("PUT", "/x/v2/images/0f/file"),
        ("PUT", "/v2/images/0f/file\n"),
    ],
)
def test_only_the_data_path_itself_is_free(ask, method, path):
    assert ask(limited(), "/", method=method, body=b"x" * 99, PATH_INFO=path).status_int == 413


@pytest.mark.parametrize("length", ["-1", "+3", "0x3", "3.0", "3,3", " 3", "3 ", "three", "\u0663", "1_0"])
@pytest.mark.parametrize("path", ["/v2/images", "/v2/images/0f/file"])
def test_a_malformed_length_is_400_and_named(ask, length, path):
    response = ask(limited(), path, method="PUT", CONTENT_LENGTH=length)
    assert response.status_int == 400
    assert "Content-Length" in response.text


def test_an_enormous_length_is_413(ask):
    assert ask(limited(), method="POST", CONTENT_LENGTH="9" * 5000).status_int == 413


def test_a_chunked_body_whose_end_the_server_cannot_find_is_411(ask):
    assert ask(limited(), method="POST", HTTP_TRANSFER_ENCODING="chunked").status_int == 411


def test_a_request_without_a_body_is_left_alone(app, ask):
    body = io.BytesIO()
    assert ask(SizeLimit(app), **{"wsgi.input": body}).body == b"hello"
    assert app.environ["wsgi.input"] is body
