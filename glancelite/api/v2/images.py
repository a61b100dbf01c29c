"""Views of images: from a request to a use-case, from an image to its document."""

from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from flask import Response
from werkzeug.wsgi import get_host

from ...domain.fields import COLUMNS, TIMES
from ...domain.image import Image, format_time, target_of
from ...domain.patch import MEDIA_TYPES, Change, parse_patch
from ...domain.query import ImageQuery, Pairs, parse_pairs, parse_query
from ...usecases import images, imports, locations
from ..answers import empty_response, json_response
from ..gate import Call
from ..http import read_json

_PLAIN = tuple(field.name for field in COLUMNS if field.name not in TIMES)


def parse_create(call: Call) -> Any:
    return images.check_create(call.services, read_json(call.request))


def create(call: Call) -> Response:
    image = images.create_image(call.services, call.context, call.payload)
    environ = call.request.environ
    root = (
        f"{environ['wsgi.url_scheme']}://{get_host(environ)}{quote(environ.get('SCRIPT_NAME', ''), encoding='latin-1')}"
    )
    location = f"{root}/v2/images/{image.id}"
    headers = {"Location": location}
    if methods := imports.enabled_methods(call.services):
        headers["OpenStack-image-import-methods"] = ",".join(methods)
    if call.services.stores.is_multi:
        headers["OpenStack-image-store-ids"] = ",".join(
            (*(store.id for store in call.services.stores), *call.services.stores.foreign)
        )
    return json_response(to_document(call, image), 201, headers)


def show(call: Call) -> Response:
    return json_response(to_document(call, call.image))


def parse_list(call: Call) -> tuple[Pairs, ImageQuery]:
    pairs = parse_pairs(call.request.environ.get("QUERY_STRING", ""))
    config = call.services.config
    return pairs, parse_query(pairs, config["limit_param_default"], config["api_limit_max"])


def list_page(call: Call) -> Response:
    pairs, query = call.payload
    page = images.list_images(call.services, call.context, query)
    document: dict[str, Any] = {
        "images": [to_document(call, image) for image in page],
        "first": _link(pairs, None),
        "schema": "/v2/schemas/images",
    }
    if page and len(page) == query.limit:
        document["next"] = _link(pairs, page[-1].id)
    return json_response(document)


def _link(pairs: Pairs, marker: str | None) -> str:
    """A relative link to a page of the same list. Repeated parameters are all kept."""
    kept = [pair for pair in pairs if pair[0] != "marker"]
    if marker:
        kept.append(("marker", marker))
    return "/v2/images" + (f"?{urlencode(kept)}" if kept else "")


def parse_update(call: Call) -> tuple[Change, ...]:
    kind = call.request.environ.get("CONTENT_TYPE", "").partition(";")[0].strip()
    body = read_json(call.request) if kind in MEDIA_TYPES else None
    has_locations = call.services.config["show_multiple_locations"]
    return parse_patch(kind, body, call.services.validator, has_locations=has_locations)


def update(call: Call) -> Response:
    moves = [change for change in call.payload if change.name == "locations"]
    place = partial(locations.change_locations, call.services, call.context, changes=moves, sizes={}) if moves else None
    image = images.update_image(call.services, call.context, call.image, call.payload, place)
    return json_response(to_document(call, image))


def delete(call: Call) -> Response:
    images.delete_image(call.services, call.context, call.image)
    return empty_response()


def add_tag(call: Call) -> Response:
    images.add_tag(call.services, call.context, call.image, call.path["tag"])
    return empty_response()


def remove_tag(call: Call) -> Response:
    images.remove_tag(call.services, call.context, call.image, call.path["tag"])
    return empty_response()


def deactivate(call: Call) -> Response:
    images.deactivate_image(call.services, call.context, call.image)
    return empty_response()


def reactivate(call: Call) -> Response:
    images.reactivate_image(call.services, call.context, call.image)
    return empty_response()


def to_document(call: Call, image: Image) -> dict[str, Any]:
    """The image as clients see it: additional properties and fields side by side."""
    services, values = call.services, vars(image)
    document: dict[str, Any] = {
        name: "" if value is None and name not in services.nullable else value
        for name, value in image.properties.items()
        if services.protections.allow(call.context, "read", name)
    }
    document |= {name: values[name] for name in _PLAIN}
    document |= {
        "created_at": format_time(image.created_at),
        "updated_at": format_time(image.updated_at),
        "tags": list(image.tags),
        "self": f"/v2/images/{image.id}",
        "file": f"/v2/images/{image.id}/file",
        "schema": "/v2/schemas/image",
    }
    if image.status != "deactivated" or call.context.is_admin:
        document |= _places(call, image)
    return document


def _places(call: Call, image: Image) -> dict[str, Any]:
    """Where the data is, as far as the service tells and this caller may know."""
    services, found = call.services, dict[str, Any]()
    if services.stores.is_multi and image.locations:
        # Sorted, where Glance keeps the order of copying: clients that wait for an import compare the text.
        found["stores"] = ",".join(sorted({location.store for location in image.locations}))
    config = services.config
    if not (config["show_image_direct_url"] or config["show_multiple_locations"]):
        return found
    if not services.policy.allows(call.context, "get_image_location", target_of(image, call.context)):
        return found
    if config["show_image_direct_url"] and image.locations:
        found["direct_url"] = image.locations[0].url
    if config["show_multiple_locations"]:
        found["locations"] = [
            {
                "url": location.url,
                "metadata": dict(location.metadata) if services.stores.is_multi else locations.plain_metadata(location),
            }
            for location in image.locations
        ]
    return found
