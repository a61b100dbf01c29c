"""The methods of every path: those of the Image API's table, and for every other 405 that names them."""

import uuid

import pytest
from harness import Api

from glancelite.api.operations import OPERATIONS

APART_IS_SLOW = True

# As the Image API's documentation lists them; written out, for the operation table is what is asked here.
# fmt: off
METHODS: dict[str, set[str]] = {
    "/v2/images":                                {"GET", "POST"},
    "/v2/images/<image_id>":                     {"GET", "PATCH", "DELETE"},
    "/v2/images/<image_id>/file":                {"GET", "PUT"},
    "/v2/images/<image_id>/stage":               {"PUT"},
    "/v2/images/<image_id>/import":              {"POST"},
    "/v2/images/<image_id>/tasks":               {"GET"},
    "/v2/images/<image_id>/locations":           {"GET", "POST"},
    "/v2/tasks":                                 {"GET", "POST"},
    "/v2/tasks/<task_id>":                       {"GET"},
    "/v2/images/<image_id>/actions/deactivate":  {"POST"},
    "/v2/images/<image_id>/actions/reactivate":  {"POST"},
    "/v2/images/<image_id>/tags/<tag>":          {"PUT", "DELETE"},
    "/v2/images/<image_id>/members":             {"GET", "POST"},
    "/v2/images/<image_id>/members/<member_id>": {"GET", "PUT", "DELETE"},
    "/v2/stores/<store_id>/<image_id>":          {"DELETE"},
    "/v2/info/stores":                           {"GET"},
    "/v2/info/stores/detail":                    {"GET"},
    "/v2/info/import":                           {"GET"},
    "/v2/info/usage":                            {"GET"},
    "/v2/openapi.json":                          {"GET"},
    "/v2/schemas/image":                         {"GET"},
    "/v2/schemas/images":                        {"GET"},
    "/v2/schemas/member":                        {"GET"},
    "/v2/schemas/members":                       {"GET"},
    "/v2/schemas/task":                          {"GET"},
    "/v2/schemas/tasks":                         {"GET"},
}
# fmt: on
ASKED = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "COPY")


def test_every_path_of_an_operation_is_in_the_table() -> None:
    found: dict[str, set[str]] = {}
    for operation in OPERATIONS:
        found.setdefault(operation.path, set()).add(operation.method)
    assert found == METHODS


@pytest.mark.parametrize("path", METHODS)
def test_another_method_is_refused_with_those_that_there_are_whatever_the_path_names(api: Api, path: str) -> None:
    places = {"<task_id>": "t", "<tag>": "t", "<member_id>": "m", "<store_id>": "fast"}
    for image_id in (api.create()["id"], str(uuid.uuid4()), "x"):
        place = path.replace("<image_id>", image_id)
        for name, value in places.items():
            place = place.replace(name, value)
        for method in set(ASKED) - METHODS[path]:
            for body in (None, b"{"):
                reply = api.request(method, place, body)
                assert (reply.status, set(reply.headers["Allow"].split(", "))) == (405, METHODS[path]), method
