"""Every operation by every kind of caller, each with a real token: who may do what, and what the others are told."""

from collections.abc import Callable

import pytest
from harness import Reply

from glancelite.api.operations import OPERATIONS

from .conftest import Caller, Cast, Image

WHO = ("nobody", "foreign", "reader", "member", "owner", "admin", "service")
DATA = {"content_type": "application/octet-stream"}
NOWHERE = "http://localhost/image"
FETCH = {"method": {"name": "web-download", "uri": NOWHERE}}
TASK = {"type": "import", "input": {"import_from": NOWHERE, "import_from_format": "raw", "image_properties": {}}}

Act = Callable[[Caller, Image], Reply]


def change(caller: Caller, image: Image) -> Reply:
    return caller.patch(image["id"], [{"op": "add", "path": "/colour", "value": "red"}])


def publish(caller: Caller, image: Image) -> Reply:
    return caller.patch(image["id"], [{"op": "replace", "path": "/visibility", "value": "public"}])


def at(request: str, body: object = None) -> Act:
    """A method and a path, with the image's {id} and project {abroad} to be filled in."""

    def act(caller: Caller, image: Image) -> Reply:
        method, _, path = request.partition(" ")
        return caller.request(method, path.format(**image), body)

    return act


# What is done, to which image, and what is answered to WHO. Images are of project home, which foreign and service are
# not in: `shared` with nobody, `guest` with project abroad too, `public`, or `queued`: not filled yet.
# fmt: off
ROWS: tuple[tuple[str, str, Act, str], ...] = (
    ("create_image",         "shared", at("POST /v2/images", {}),                      "401 201 403 201 201 201 403"),
    ("create_image public",  "shared", at("POST /v2/images", {"visibility": "public"}), "401 403 403 403 403 201 403"),
    ("list_images",          "shared", at("GET /v2/images"),                           "401 200 200 200 200 200 403"),
    ("show_image",           "shared", at("GET /v2/images/{id}"),                      "401 404 200 200 200 200 404"),
    ("show_image",           "guest",  at("GET /v2/images/{id}"),                      "401 200 200 200 200 200 404"),
    ("show_image",           "public", at("GET /v2/images/{id}"),                      "401 200 200 200 200 200 404"),
    ("update_image",         "shared", change,                                         "401 404 403 200 200 200 404"),
    ("update_image",         "guest",  change,                                         "401 403 403 200 200 200 404"),
    ("update_image",         "public", change,                                         "401 403 403 200 200 200 404"),
    ("update_image public",  "shared", publish,                                        "401 404 403 403 403 200 404"),
    ("delete_image",         "shared", at("DELETE /v2/images/{id}"),                   "401 404 403 204 204 204 404"),
    ("delete_image",         "public", at("DELETE /v2/images/{id}"),                   "401 403 403 204 204 204 404"),
    ("upload_image",         "queued", lambda who, image: who.upload(image["id"], b"data"),
                                                                                      "401 404 403 204 204 204 404"),
    ("stage_image",          "queued", lambda who, image: who.put(f"/v2/images/{image['id']}/stage", b"data", **DATA),
                                                                                      "401 404 403 204 204 204 404"),
    ("import_image",         "queued", at("POST /v2/images/{id}/import", FETCH),
                                                                                      "401 404 403 202 202 202 404"),
    ("list_image_tasks",     "shared", at("GET /v2/images/{id}/tasks"),                "401 404 200 200 200 200 404"),
    ("add_location",         "queued", at("POST /v2/images/{id}/locations", {"url": "file:///etc/passwd"}),
                                                                                      "401 404 403 403 403 400 404"),
    ("list_locations",       "shared", at("GET /v2/images/{id}/locations"),            "401 404 403 403 403 200 404"),
    ("create_task",          "shared", at("POST /v2/tasks", TASK),                     "401 403 403 403 403 201 403"),
    ("list_tasks",           "shared", at("GET /v2/tasks"),                            "401 403 403 403 403 200 403"),
    ("show_task",            "shared", at("GET /v2/tasks/none"),                       "401 403 403 403 403 404 403"),
    ("show_task_schema",     "shared", at("GET /v2/schemas/task"),                     "401 200 200 200 200 200 200"),
    ("show_tasks_schema",    "shared", at("GET /v2/schemas/tasks"),                    "401 200 200 200 200 200 200"),
    ("download_image",       "shared", at("GET /v2/images/{id}/file"),                 "401 404 403 200 200 200 404"),
    ("download_image",       "guest",  at("GET /v2/images/{id}/file"),                 "401 200 403 200 200 200 404"),
    ("download_image",       "public", at("GET /v2/images/{id}/file"),                 "401 200 403 200 200 200 404"),
    ("add_tag",              "shared", at("PUT /v2/images/{id}/tags/new"),             "401 404 403 204 204 204 404"),
    ("remove_tag",           "shared", at("DELETE /v2/images/{id}/tags/old"),          "401 404 403 204 204 204 404"),
    ("deactivate_image",     "shared", at("POST /v2/images/{id}/actions/deactivate"),  "401 404 403 204 204 204 404"),
    ("reactivate_image",     "shared", at("POST /v2/images/{id}/actions/reactivate"),  "401 404 403 204 204 204 404"),
    ("add_member",           "shared", at("POST /v2/images/{id}/members", {"member": "somebody"}),
                                                                                      "401 404 403 200 200 200 404"),
    ("add_member",           "guest",  at("POST /v2/images/{id}/members", {"member": "somebody"}),
                                                                                      "401 403 403 200 200 200 404"),
    ("list_members",         "guest",  at("GET /v2/images/{id}/members"),              "401 200 200 200 200 200 404"),
    ("show_member",          "guest",  at("GET /v2/images/{id}/members/{abroad}"),     "401 200 200 200 200 200 404"),
    ("update_member",        "guest",  at("PUT /v2/images/{id}/members/{abroad}", {"status": "accepted"}),
                                                                                      "401 200 403 403 403 200 404"),
    ("remove_member",        "guest",  at("DELETE /v2/images/{id}/members/{abroad}"),  "401 403 403 204 204 204 404"),
    ("remove_copy",          "shared", at("DELETE /v2/stores/cheap/{id}"),             "401 404 403 403 403 404 404"),
    ("list_stores",          "shared", at("GET /v2/info/stores"),                      "401 200 200 200 200 200 200"),
    ("list_store_details",   "shared", at("GET /v2/info/stores/detail"),               "401 403 403 403 403 200 200"),
    ("show_import_methods",  "shared", at("GET /v2/info/import"),                      "401 200 200 200 200 200 200"),
    ("show_usage",           "shared", at("GET /v2/info/usage"),                       "401 200 200 200 200 200 200"),
    ("show_openapi",         "shared", at("GET /v2/openapi.json"),                     "401 200 200 200 200 200 200"),
    ("show_image_schema",    "shared", at("GET /v2/schemas/image"),                    "401 200 200 200 200 200 200"),
    ("show_images_schema",   "shared", at("GET /v2/schemas/images"),                   "401 200 200 200 200 200 200"),
    ("show_member_schema",   "shared", at("GET /v2/schemas/member"),                   "401 200 200 200 200 200 200"),
    ("show_members_schema",  "shared", at("GET /v2/schemas/members"),                  "401 200 200 200 200 200 200"),
)
# fmt: on


@pytest.mark.parametrize(("operation", "kind", "act", "expected"), ROWS, ids=[f"{row[0]} {row[1]}" for row in ROWS])
def test_each_caller_gets_the_answer_of_the_matrix(cast: Cast, make, operation, kind, act, expected):
    answers = {who: act(cast.bearing("") if who == "nobody" else getattr(cast, who), make(kind)).status for who in WHO}

    assert answers == dict(zip(WHO, map(int, expected.split()), strict=True))


def test_every_operation_has_its_row():
    named = {row[0].partition(" ")[0] for row in ROWS}

    assert named == {operation.name for operation in OPERATIONS}
