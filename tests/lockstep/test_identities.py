"""Who may do what: every operation, asked by each kind of caller about a shared image. A new operation needs a row."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from harness import PATCH_21, Api, make_service, running

from glancelite.api.operations import OPERATIONS

OCTETS = {"Content-Type": "application/octet-stream"}
PATCH = {"Content-Type": PATCH_21}
PLACE = "http://127.0.0.1:1/x"

# What each operation is asked with: a body, headers.
REQUESTS: dict[str, tuple[Any, dict[str, str]]] = {
    "create_image": ({}, {}),
    "update_image": ([{"op": "add", "path": "/p", "value": "x"}], PATCH),
    "upload_image": (b"data", OCTETS),
    "stage_image": (b"data", OCTETS),
    "import_image": ({"method": {"name": "glance-direct"}}, {}),
    "add_location": ({"url": PLACE}, {}),
    "create_task": (
        {"type": "import", "input": {"import_from": PLACE, "import_from_format": "raw", "image_properties": {}}},
        {},
    ),
    "add_member": ({"member": "newcomer"}, {}),
    "update_member": ({"status": "rejected"}, {}),
}
WITH_DATA = ("download_image", "deactivate_image", "reactivate_image", "remove_copy")

ALWAYS_REFUSED = ("remove_copy",)  # the image has one copy only

CALLERS = ("nobody", "stranger", "partner", "reader", "member", "admin", "service")
# fmt: off
EXPECTED: dict[str, tuple[int, ...]] = {
    #                      nobody stranger partner reader member admin service
    "create_image":        (401,  201,     201,    403,   201,   201,  403),
    "list_images":         (401,  200,     200,    200,   200,   200,  403),
    "show_image":          (401,  404,     200,    200,   200,   200,  404),
    "update_image":        (401,  404,     403,    403,   200,   200,  404),
    "delete_image":        (401,  404,     403,    403,   204,   204,  404),
    "upload_image":        (401,  404,     403,    403,   204,   204,  404),
    "download_image":      (401,  404,     200,    403,   200,   200,  404),
    "stage_image":         (401,  404,     403,    403,   204,   204,  404),
    "import_image":        (401,  404,     403,    403,   202,   202,  404),
    "list_image_tasks":    (401,  404,     200,    200,   200,   200,  404),
    "add_location":        (401,  404,     403,    403,   202,   202,  404),
    "list_locations":      (401,  404,     403,    403,   403,   200,  404),
    "create_task":         (401,  403,     403,    403,   403,   201,  403),
    "list_tasks":          (401,  403,     403,    403,   403,   200,  403),
    "show_task":           (401,  403,     403,    403,   403,   200,  403),
    "add_tag":             (401,  404,     403,    403,   204,   204,  404),
    "remove_tag":          (401,  404,     403,    403,   204,   204,  404),
    "deactivate_image":    (401,  404,     403,    403,   204,   204,  404),
    "reactivate_image":    (401,  404,     403,    403,   204,   204,  404),
    "add_member":          (401,  404,     403,    403,   200,   200,  404),
    "list_members":        (401,  404,     200,    200,   200,   200,  404),
    "show_member":         (401,  404,     200,    200,   200,   200,  404),
    "update_member":       (401,  404,     200,    403,   403,   200,  404),
    "remove_member":       (401,  404,     403,    403,   204,   204,  404),
    "remove_copy":         (401,  404,     403,    403,   403,   403,  404),  # an administrator: it is the only copy
    "list_stores":         (401,  200,     200,    200,   200,   200,  200),
    "list_store_details":  (401,  403,     403,    403,   403,   200,  200),
    "show_import_methods": (401,  200,     200,    200,   200,   200,  200),
    "show_usage":          (401,  200,     200,    200,   200,   200,  200),
    "show_openapi":        (401,  200,     200,    200,   200,   200,  200),
    "show_image_schema":   (401,  200,     200,    200,   200,   200,  200),
    "show_images_schema":  (401,  200,     200,    200,   200,   200,  200),
    "show_task_schema":    (401,  200,     200,    200,   200,   200,  200),
    "show_tasks_schema":   (401,  200,     200,    200,   200,   200,  200),
    "show_member_schema":  (401,  200,     200,    200,   200,   200,  200),
    "show_members_schema": (401,  200,     200,    200,   200,   200,  200),
}
# fmt: on


@pytest.fixture(scope="module", params=["together", "apart"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service with several stores, so that no operation is off."""
    stores = {"ENABLED_BACKENDS": "fast:file,cheap:file,web:http", "GLANCE_STORE_DEFAULT_BACKEND": "fast"}
    stores |= {"IMPORT_FILTERING_OPTS_ALLOWED_PORTS": "[]", "IMPORT_FILTERING_OPTS_ALLOW_PRIVATE": "true"}
    with running(make_service(tmp_path_factory.mktemp("stores") / "data", request.param, **stores)) as service:
        yield service.url


def called(owner: Api, partner: str, name: str) -> Api:
    """The caller of this name, as seen from the project that owns the image."""
    makers = {"nobody": owner.as_nobody, "stranger": owner.as_stranger, "reader": owner.as_reader}
    if name in makers:
        return makers[name]()
    others = {"partner": (partner, "member,reader"), "admin": ("admins", "admin,member,reader")}
    if name in others:
        return owner.as_project(*others[name])
    return owner.as_project("services", "service") if name == "service" else owner


def make_image(owner: Api, partner: str, operation: str) -> str:
    """An image that is shared with the partner, as the operation wants it."""
    image_id: str = owner.create(visibility="shared", tags=["a"])["id"]
    assert owner.post(f"/v2/images/{image_id}/members", {"member": partner}).status == 200
    if operation in WITH_DATA:
        assert owner.upload(image_id, b"data").status == 204
    if operation == "import_image":
        octets = {"content_type": "application/octet-stream"}
        assert owner.put(f"/v2/images/{image_id}/stage", b"data", **octets).status == 204
    if operation == "reactivate_image":
        assert owner.post(f"/v2/images/{image_id}/actions/deactivate", b"").status == 204
    return image_id


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_answers_each_caller_as_it_should(url: str, operation: Any) -> None:
    body, headers = REQUESTS.get(operation.name, (None, {}))
    owner, partner = Api(url), uuid.uuid4().hex
    task_id = owner.as_admin().post("/v2/tasks", REQUESTS["create_task"][0]).json["id"]
    found = []
    for name in CALLERS:
        places = {
            "image_id": make_image(owner, partner, operation.name),
            "member_id": partner,
            "tag": "a",
            "store_id": "fast",
            "task_id": task_id,
        }
        path = operation.path
        for place, value in places.items():
            path = path.replace(f"<{place}>", value)
        found.append(called(owner, partner, name).request(operation.method, path, body, headers).status)
    assert tuple(found) == EXPECTED[operation.name]
    assert operation.success in found or operation.name in ALWAYS_REFUSED


def test_no_row_is_left_of_an_operation_that_is_gone() -> None:
    names = {operation.name for operation in OPERATIONS}
    assert set(EXPECTED) == names
    assert set(REQUESTS) <= names


def test_an_operation_names_a_rule_that_there_is_and_is_listed_once() -> None:
    from glancelite.domain.rules import RULES

    rules = {rule.name for rule in RULES}
    assert [operation.name for operation in OPERATIONS if operation.rule and operation.rule not in rules] == []
    assert len({(operation.method, operation.path) for operation in OPERATIONS}) == len(OPERATIONS)
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)
