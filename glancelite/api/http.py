"""Requests: JSON bodies, and the byte stream of an upload."""

import re
from collections.abc import Callable
from typing import Any, Protocol

from flask import Request

from ..domain.validate import parse_json
from ..errors import (
    BadRequest,
    BodyExpected,
    BodyNotExpected,
    GlanceliteError,
    InvalidHeader,
    LengthRequired,
    UnsupportedMediaType,
    UploadInterrupted,
)

BLOCK = 1 << 20
_COPIED = 512 << 10
"""Bytes that are asked for at once where they are copied: so few that they are still in the processor's cache then."""


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


# In -------------------------------------------------------------------------------------------------------------------


def content_length(request: Request) -> int | None:
    """The announced length of the body, None when it is chunked or there is none."""
    text = request.environ.get("CONTENT_LENGTH") or ""
    if not text or is_chunked(request):
        return None
    if not re.fullmatch(r"\d{1,18}", text, re.ASCII):
        raise InvalidHeader(name="Content-Length", reason=f"'{text}' is not a length.")
    return int(text)


def is_chunked(request: Request) -> bool:
    return "chunked" in request.environ.get("HTTP_TRANSFER_ENCODING", "").lower()


def body_stream(request: Request) -> Readable:
    """The raw body. A chunked one only where the server tells its end; else it could be cut and pass for whole."""
    if is_chunked(request) and not request.environ.get("wsgi.input_terminated"):
        raise LengthRequired()
    stream: Readable = request.environ["wsgi.input"]
    return stream


def refuse_body(request: Request) -> None:
    """Raise BodyNotExpected (400) when a request that takes no body brings one."""
    if is_chunked(request) or content_length(request):
        raise BodyNotExpected()


def read_json(request: Request) -> Any:
    """The JSON document of a body, whatever its Content-Type says."""
    length, stream = content_length(request), body_stream(request)
    if length is None and not is_chunked(request):
        raise BodyExpected()
    try:
        body = _read_all(stream, length)
    except OSError as error:
        raise BadRequest(reason="The request ended before all of its body had arrived.") from error
    if not body:
        raise BodyExpected()
    return parse_json(body)


def _read_all(stream: Readable, length: int | None) -> bytes:
    parts, left = [], length
    while left is None or left > 0:
        part = stream.read(BLOCK if left is None else min(BLOCK, left))
        if not part:
            break
        parts.append(part)
        left = None if left is None else left - len(part)
    if left:
        raise ConnectionError("the body is shorter than announced")
    return b"".join(parts)


class UploadSource:
    """The body of an upload as a source of bytes: its end is b"", a cut is UploadInterrupted."""

    def __init__(self, request: Request, image_id: str) -> None:
        self._stream = body_stream(request)
        self._into: Callable[[memoryview], int | None] | None = getattr(self._stream, "readinto", None)
        self._left = content_length(request) if not is_chunked(request) else None
        if self._left is None and not is_chunked(request):
            raise LengthRequired()  # else a client that forgot the length would make an active, empty image
        self._image_id = image_id
        self._received = 0

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer, or what of it the body still fills; how many bytes, 0 at the end."""
        wanted = len(buffer) if self._left is None else min(len(buffer), self._left)
        filled = 0
        while filled < wanted:
            count = self._take(buffer[filled:wanted])
            if not count:
                break
            filled += count
            self._received += count
        if self._left is not None:
            if filled < wanted:
                raise self._interrupted()
            self._left -= filled
        return filled

    def _take(self, buffer: memoryview) -> int:
        try:
            if self._into is not None:
                return self._into(buffer) or 0
            data = self._stream.read(min(len(buffer), _COPIED))  # a server whose stream cannot fill a buffer
        except GlanceliteError:
            raise
        except Exception as error:
            raise self._interrupted() from error
        buffer[: len(data)] = data
        return len(data)

    def _interrupted(self) -> UploadInterrupted:
        return UploadInterrupted(image_id=self._image_id, received=self._received)


def caller_token(request: Request) -> str:
    """The token that the caller sent; empty where there is none."""
    return request.headers.get("X-Auth-Token") or request.headers.get("X-Storage-Token") or ""


def check_octet_stream(request: Request) -> None:
    """Raise 415 unless the body is declared to be bytes."""
    kind = request.environ.get("CONTENT_TYPE", "").partition(";")[0].strip()
    if kind != "application/octet-stream":
        raise UnsupportedMediaType(
            reason=f"Image data must be sent as application/octet-stream, not as {kind or 'nothing in particular'}."
        )


def declared_size(request: Request) -> int | None:
    """The size that the client announces: by `x-openstack-image-size`, else by Content-Length."""
    text = request.headers.get("x-openstack-image-size")
    if text is None:
        return content_length(request)
    if not re.fullmatch(r"\d{1,18}", text.strip(), re.ASCII):
        raise InvalidHeader(name="x-openstack-image-size", reason=f"'{text}' is not a size in bytes.")
    return int(text)
