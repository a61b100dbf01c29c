"""Views of staging, imports and the locations API."""

import json
from typing import Any

from flask import Request, Response

from ...errors import ImageTooLarge, NotFound
from ...usecases import imports, places, staging
from ..answers import empty_response, json_response
from ..gate import Call
from ..http import UploadSource, caller_token, check_octet_stream, declared_size, read_json


def parse_stage(call: Call) -> int | None:
    if "glance-direct" not in imports.enabled_methods(call.services):
        raise NotFound()
    check_octet_stream(call.request)
    declared = declared_size(call.request)
    cap = call.services.config["image_size_cap"]
    if declared is not None and declared > cap:
        raise ImageTooLarge(image_id=call.path["image_id"], limit=cap)
    return declared


def stage(call: Call) -> Response:
    source = UploadSource(call.request, call.image.id)
    staging.stage_data(call.services, call.context, call.image, source, call.payload)
    return empty_response()


def parse_import(call: Call) -> imports.ImportRequest:
    return imports.check_import(call.services, call.context, read_json(call.request))


def start_import(call: Call) -> Response:
    asked: imports.ImportRequest = call.payload
    store_id = call.request.headers.get("x-image-meta-store") if call.services.stores.is_multi else None
    region = _find_region(call.request, asked) if asked.name == "glance-download" else None
    token = caller_token(call.request)
    imports.import_image(call.services, call.context, call.image, asked, store_id, region, token)
    return empty_response(202)


def _find_region(request: Request, asked: imports.ImportRequest) -> imports.Region:
    """The other region's image service, by the catalog that came with the caller's token."""
    interface = asked.method.get("glance_service_interface", "public")
    try:
        catalog = json.loads(request.headers.get("X-Service-Catalog", "[]"))
        endpoint = _look_up(catalog, asked.method.get("glance_region"), f"{interface}URL")
    except (ValueError, TypeError, AttributeError):
        endpoint = None
    return imports.Region(endpoint)


def _look_up(catalog: Any, region: Any, interface: str) -> str | None:
    for service in catalog:
        if service.get("type") == "image":
            for endpoint in service.get("endpoints", ()):
                if endpoint.get("region") == region and isinstance(endpoint.get(interface), str):
                    return str(endpoint[interface])
    return None


def parse_place(call: Call) -> tuple[str, dict[str, str] | None]:
    return places.check_place(read_json(call.request))


def add_place(call: Call) -> Response:
    places.add_place(call.services, call.context, call.image, *call.payload)
    return empty_response(202)


def list_places(call: Call) -> Response:
    return json_response(places.list_places(call.services, call.context, call.image))
