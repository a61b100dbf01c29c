"""HTTP in and out: JSON bodies, the byte stream of an upload, ranges, and responses that stream."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from flask import Request, Response

from ..domain.ports import Body
from ..domain.validate import parse_json
from ..errors import (
    BadRequest,
    BodyExpected,
    BodyNotExpected,
    GlanceliteError,
    InvalidHeader,
    LengthRequired,
    MultipleRanges,
    RangeNotSatisfiable,
    UnsupportedMediaType,
    UploadInterrupted,
)

BLOCK = 1 << 20
_RANGE = re.compile(r"\s*bytes=\s*(\d*)\s*-\s*(\d*)\s*", re.IGNORECASE | re.ASCII)
_CONTENT_RANGE = re.compile(r"\s*bytes\s+(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)\s*", re.IGNORECASE | re.ASCII)


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
            data = self._stream.read(len(buffer))  # a server whose stream cannot fill a buffer
        except GlanceliteError:
            raise
        except Exception as error:
            raise self._interrupted() from error
        buffer[: len(data)] = data
        return len(data)

    def _interrupted(self) -> UploadInterrupted:
        return UploadInterrupted(image_id=self._image_id, received=self._received)


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


# Ranges ---------------------------------------------------------------------------------------------------------------


def parse_range(request: Request, size: int) -> tuple[int, int] | None:
    """First byte and length of the part that is asked for; None for the whole. Raises 416, and 400 for several ranges.

    `Content-Range` in a request is an old way to ask, used only where `Range` is absent.
    """
    text = request.headers.get("Range")
    if text is not None:
        return _from_range(text, size)
    text = request.headers.get("Content-Range")
    return None if text is None else _from_content_range(text, size)


def _from_range(text: str, size: int) -> tuple[int, int]:
    if "," in text:
        raise MultipleRanges()
    found = _RANGE.fullmatch(text)
    if not found or not (found[1] or found[2]):
        raise RangeNotSatisfiable(reason="Invalid Range header.", size=size)
    if not found[1]:
        first, last = max(size - _number(found[2]), 0), size - 1
    else:
        first, last = _number(found[1]), min(_number(found[2]) if found[2] else size - 1, size - 1)
        if found[2] and _number(found[2]) < first:
            raise RangeNotSatisfiable(reason="Invalid Range header.", size=size)
    return _part(first, last, size)


def _from_content_range(text: str, size: int) -> tuple[int, int]:
    found = _CONTENT_RANGE.fullmatch(text)
    if not found:
        raise RangeNotSatisfiable(reason="Invalid Content-Range header.", size=size)
    first, last = int(found[1]), int(found[2])
    if last < first or last >= size or (found[3] != "*" and last >= int(found[3])):
        raise RangeNotSatisfiable(reason="The Content-Range header asks for bytes that the image has not.", size=size)
    return _part(first, last, size)


def _part(first: int, last: int, size: int) -> tuple[int, int]:
    if first >= size or last < first:
        raise RangeNotSatisfiable(reason=f"The range asks for bytes beyond the image's {size}.", size=size)
    return first, last - first + 1


def _number(digits: str) -> int:
    """A position of any length of digits, cut where no image reaches."""
    return int(digits) if len(digits) <= 18 else 10**18


# Out ------------------------------------------------------------------------------------------------------------------


def json_response(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    body = json.dumps(document).encode()
    return Response(body, status, dict(headers or {}), content_type="application/json")


def empty_response(status: int = 204) -> Response:
    return Response(b"", status, {"Content-Length": "0"}, content_type="text/html; charset=UTF-8")


def no_data_response() -> Response:
    """The answer for an image that has no data: not even a Content-Type."""
    response = empty_response()
    del response.headers["Content-Type"]
    return response


def bytes_response(request: Request, body: Body, status: int, length: int, headers: Mapping[str, str]) -> Response:
    """A response of exactly `length` bytes from a body; the server sends a file by itself where it can."""
    response = Response(
        _as_file(request, body, status) or Pieces(body, length),
        status,
        dict(headers),
        content_type="application/octet-stream",
    )
    response.direct_passthrough = True
    response.headers["Content-Length"] = str(length)
    return response


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
