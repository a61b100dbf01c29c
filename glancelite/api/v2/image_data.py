"""Views of image data: upload and download. Bytes pass through as a stream, never whole in memory."""

from flask import Response

from ...errors import ImageTooLarge
from ...usecases import data
from ..gate import Call
from ..http import (
    UploadSource,
    bytes_response,
    check_octet_stream,
    declared_size,
    empty_response,
    no_data_response,
    parse_range,
)


def parse_upload(call: Call) -> int | None:
    check_octet_stream(call.request)
    declared = declared_size(call.request)
    cap = call.services.config["image_size_cap"]
    if declared is not None and declared > cap:
        raise ImageTooLarge(image_id=call.path["image_id"], limit=cap)
    return declared


def upload(call: Call) -> Response:
    source = UploadSource(call.request, call.image.id)
    data.upload_image(call.services, call.context, call.image, source, call.payload)
    return empty_response()


def download(call: Call) -> Response:
    image = call.image
    if not image.locations:
        data.download_image(call.services, call.context, image)
        return no_data_response()
    size = image.size or 0
    part = parse_range(call.request, size)
    offset, length = part or (0, size)
    body = data.download_image(call.services, call.context, image, offset)
    if body is None:
        return no_data_response()
    headers = {"Content-MD5": image.checksum} if image.checksum else {}
    if part:
        headers["Content-Range"] = f"bytes {offset}-{offset + length - 1}/{size}"
    return bytes_response(call.request, body, 206 if part else 200, length, headers)
