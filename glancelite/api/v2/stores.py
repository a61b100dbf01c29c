"""Views of stores, and of what the service offers."""

from flask import Response

from ...usecases import imports, stores
from ..answers import empty_response, json_response
from ..gate import Call


def parse_any(call: Call) -> None:
    stores.require_multi(call.services)


def list_all(call: Call) -> Response:
    return json_response({"stores": stores.list_stores(call.services)})


def list_details(call: Call) -> Response:
    return json_response({"stores": stores.list_store_details(call.services)})


def parse_removal(call: Call) -> None:
    stores.check_store(call.services, call.path["store_id"])


def remove_copy(call: Call) -> Response:
    stores.remove_copy(call.services, call.context, call.image, call.path["store_id"])
    return empty_response()


def show_import_methods(call: Call) -> Response:
    offered = imports.enabled_methods(call.services)
    methods = {"description": "Import methods available.", "type": "array", "value": offered}
    return json_response({"import-methods": methods})
