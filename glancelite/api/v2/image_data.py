"""Views of image data: upload and download. Bytes pass through as a stream, never whole in memory."""

from flask import Response

from ...domain.digest import Digest, parse_digest
from ...domain.query import parse_pairs
from ...errors import ImageTooLarge, InvalidHeader, InvalidParameter
from ...usecases import data
from ...usecases.images import require
from ..answers import (
    bytes_response,
    empty_response,
    handed_off_response,
    no_data_response,
    unchanged_response,
)
from ..gate import Call
from ..http import UploadSource, caller_token, check_octet_stream, declared_size
from ..ranges import choose_part, describe_data, has_data, may_be_handed_off


def parse_upload(call: Call) -> tuple[int | None, str | None, Digest | None]:
    check_octet_stream(call.request)
    declared = declared_size(call.request)
    cap = call.services.config["image_size_cap"]
    if declared is not None and declared > cap:
        raise ImageTooLarge(image_id=call.path["image_id"], limit=cap)
    store_id = call.request.headers.get("x-image-meta-store") if call.services.stores.is_multi else None
    data.choose_store(call.services, store_id)
    return declared, store_id, _promised_digest(call)


def _promised_digest(call: Call) -> Digest | None:
    text = call.request.headers.get("x-openstack-image-checksum")
    if text is None:
        return None
    try:
        return parse_digest(text)
    except ValueError as error:
        raise InvalidHeader(name="x-openstack-image-checksum", reason=f"{error}.") from error


def upload(call: Call) -> Response:
    source = UploadSource(call.request, call.image.id)
    declared, store_id, digest = call.payload
    token = caller_token(call.request)
    data.upload_image(call.services, call.context, call.image, source, declared, store_id, digest, token)
    return empty_response()


def parse_download(call: Call) -> tuple[str, ...]:
    """The stores that `prefer` names, in order."""
    values = [value for name, value in parse_pairs(call.request.environ.get("QUERY_STRING", "")) if name == "prefer"]
    names = tuple(name.strip() for name in (values[-1] if values else "").split(",") if name.strip())
    if values and not call.services.stores.is_multi:
        raise InvalidParameter(name="prefer", reason="this service does not have several stores.")
    for name in names:
        if call.services.stores.get(name) is None and name not in call.services.stores.foreign:
            raise InvalidParameter(name="prefer", reason=f"there is no store '{name}'.")
    return names


def download(call: Call) -> Response:
    image = call.image
    if call.payload:
        require(call.services, call.context, "download_from_store", image)
    data.require_open(call.context, image)
    if not data.is_readable(image):
        return no_data_response()
    headers = describe_data(image)
    if has_data(call.request, image):
        return unchanged_response(headers)
    size = image.size or 0
    part = choose_part(call.request, image)
    offset, length = part or (0, size)
    body = data.download_image(call.services, call.context, image, offset, length if part else None, call.payload)
    if body is None:
        return no_data_response()
    file, config = getattr(body, "name", None), call.services.config
    if config["sendfile_header"] and file and may_be_handed_off(call.request, part):
        body.close()
        return handed_off_response(config["sendfile_header"], config["sendfile_prefix"], file, headers)
    if part:
        headers["Content-Range"] = f"bytes {offset}-{offset + length - 1}/{size}"
    return bytes_response(call.request, body, 206 if part else 200, length, headers)
