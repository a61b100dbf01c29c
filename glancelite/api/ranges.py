"""Which part of an image's data a request asks for, and whether it needs any."""

import re
from datetime import UTC, datetime
from email.utils import formatdate

from flask import Request
from werkzeug.http import is_resource_modified

from ..domain.image import Image
from ..errors import MultipleRanges, PreconditionFailed, RangeNotSatisfiable

_RANGE = re.compile(r"\s*bytes=\s*(\d*)\s*-\s*(\d*)\s*", re.IGNORECASE | re.ASCII)
_PLAIN_RANGE = re.compile(r"bytes=(\d{1,18}-\d{0,18}|-\d{1,18})", re.ASCII)
_CONTENT_RANGE = re.compile(r"\s*bytes\s+(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)\s*", re.IGNORECASE | re.ASCII)


def describe_data(image: Image) -> dict[str, str]:
    """Headers by which a client knows this data again. It is never younger than the image's last change."""
    headers = {"Accept-Ranges": "bytes", "Last-Modified": formatdate(image.updated_at // 1_000_000, usegmt=True)}
    if image.checksum:
        headers["Content-MD5"] = image.checksum  # Glance quirk: hexadecimal, and of the whole image also for a part.
    if image.os_hash_value:
        headers["ETag"] = f'"{image.os_hash_value}"'
    return headers


def _last_change(image: Image) -> datetime:
    return datetime.fromtimestamp(image.updated_at // 1_000_000, UTC)


def has_data(request: Request, image: Image) -> bool:
    """Whether the client says, by If-None-Match or If-Modified-Since, that it has this data already.

    Raises PreconditionFailed (412) where it wants other data or none, by If-Match.
    """
    wanted = request.if_match if "HTTP_IF_MATCH" in request.environ else None
    if wanted and not (wanted.star_tag or wanted.is_strong(image.os_hash_value or "")):
        raise PreconditionFailed(image_id=image.id)
    return not _is_other(request, image, "If-None-Match", "If-Modified-Since")


def choose_part(request: Request, image: Image) -> tuple[int, int] | None:
    """First byte and length of the part to send; None for the whole. Raises 416, and 400 for several ranges.

    With If-Range, a part is sent only of the data that the client has begun to take.
    """
    if "If-Range" in request.headers and _is_other(request, image, "If-Range", "Range"):
        return None
    return parse_range(request, image.size or 0)


def _is_other(request: Request, image: Image, *conditions: str) -> bool:
    """Whether these headers tell of other data than the image's. One that is not understood tells of nothing."""
    names = ("HTTP_" + condition.upper().replace("-", "_") for condition in conditions)
    asked = {name: request.environ[name] for name in names if name in request.environ}
    if not asked:
        return True
    try:
        return is_resource_modified(
            {"REQUEST_METHOD": "GET"} | asked,
            etag=image.os_hash_value,
            last_modified=_last_change(image),
            ignore_if_range="If-Range" not in conditions,
        )
    except OverflowError:  # a year beyond all calendars
        return True


def parse_range(request: Request, size: int) -> tuple[int, int] | None:
    """First byte and length of the part that is asked for; None for the whole. Raises 416, and 400 for several ranges.

    `Content-Range` in a request is an old way to ask, used only where `Range` is absent.
    """
    text = request.headers.get("Range")
    if text is not None:
        return _from_range(text, size)
    text = request.headers.get("Content-Range")
    return None if text is None else _from_content_range(text, size)


def may_be_handed_off(request: Request, part: tuple[int, int] | None) -> bool:
    """Would any web server send from the file what this request is to get? None knows our ETag in its conditions."""
    if {"If-Match", "If-Unmodified-Since"} & set(request.headers.keys()):
        return False
    is_plain = "If-Range" not in request.headers and _PLAIN_RANGE.fullmatch(request.headers.get("Range", ""))
    return part is None or bool(is_plain)


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
