"""Responses: JSON documents, and bytes that stream."""

import os
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import orjson
from flask import Request, Response

from ..domain.ports import Body
from .flaskapp import Answer

BLOCK = 1 << 20


def json_response(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    body = orjson.dumps(document)
    length = {"Content-Length": str(len(body))}
    return Answer([body], status, {**(headers or {}), **length}, content_type="application/json")


def empty_response(status: int = 204) -> Response:
    return Answer([], status, {"Content-Length": "0"}, content_type="text/html; charset=UTF-8")


def unchanged_response(headers: Mapping[str, str]) -> Response:
    """The answer to a client that has the data already."""
    return Answer([], 304, headers)


def handed_off_response(header: str, prefix: str, file: str, headers: Mapping[str, str]) -> Response:
    """Leaves it to the web server in front to send this file."""
    place = quote(f"{prefix}{file}") if header.lower() == "x-accel-redirect" else os.fsencode(file).decode("latin-1")
    return Answer([], 200, {**headers, header: place}, content_type="application/octet-stream")


def no_data_response() -> Response:
    """The answer for an image that has no data: not even a Content-Type."""
    return Answer([], 204, {"Content-Length": "0"})


def bytes_response(request: Request, body: Body, status: int, length: int, headers: Mapping[str, str]) -> Response:
    """A response of exactly `length` bytes from a body; the server sends a file by itself where it can."""
    return Answer(
        _as_file(request, body, status) or Pieces(body, length),
        status,
        {**headers, "Content-Length": str(length)},
        content_type="application/octet-stream",
    )


def _as_file(request: Request, body: Body, status: int) -> Any:
    """The body for the server to send by itself. A server whose wrapper is no class (uwsgi, mod_wsgi) may not keep to
    the position and length of a part: there only whole files are handed over.
    """
    wrap = request.environ.get("wsgi.file_wrapper")
    if wrap is None or not hasattr(body, "fileno") or (status == 206 and not isinstance(wrap, type)):
        return None
    return wrap(body, BLOCK)


class Pieces:
    """The next `length` bytes of a body, in blocks; a body that ends early breaks the response, never ends it well."""

    def __init__(self, body: Body, length: int) -> None:
        self._body, self._left = body, length

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if not self._left:
            raise StopIteration
        block = self._body.read(min(BLOCK, self._left))
        if not block:
            raise OSError("the stored data ended early")
        self._left -= len(block)
        return block

    def close(self) -> None:
        self._body.close()
