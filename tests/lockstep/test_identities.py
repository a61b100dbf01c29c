"""Who may do what: every operation, asked by each kind of caller about a private image. A new operation needs a row."""

from typing import Any

import pytest
from harness import PATCH_21, Api

from glancelite.api.operations import OPERATIONS

OCTETS = {"Content-Type": "application/octet-stream"}
PATCH = {"Content-Type": PATCH_21}

# What each operation is asked with: a body, headers.
REQUESTS: dict[str, tuple[Any, dict[str, str]]] = {
    "create_image": ({}, {}),
    "update_image": ([{"op": "add", "path": "/p", "value": "x"}], PATCH),
    "upload_image": (b"data", OCTETS),
}

CALLERS = ("nobody", "stranger", "reader", "member", "admin")
# fmt: off
EXPECTED: dict[str, tuple[int, ...]] = {
    #                      nobody stranger reader member admin
    "create_image":       (401,   201,     403,   201,   201),
    "list_images":        (401,   200,     200,   200,   200),
    "show_image":         (401,   404,     200,   200,   200),
    "update_image":       (401,   404,     403,   200,   200),
    "delete_image":       (401,   404,     403,   204,   204),
    "upload_image":       (401,   404,     403,   204,   204),
    "download_image":     (401,   404,     403,   200,   200),
    "show_image_schema":  (401,   200,     200,   200,   200),
    "show_images_schema": (401,   200,     200,   200,   200),
}
# fmt: on


def called(api: Api, name: str) -> Api:
    """The caller of this name, as seen from the project that owns the image."""
    makers = {"nobody": api.as_nobody, "stranger": api.as_stranger, "reader": api.as_reader, "admin": api.as_admin}
    return makers[name]() if name in makers else api


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_answers_each_caller_as_it_should(api: Api, operation: Any) -> None:
    body, headers = REQUESTS.get(operation.name, (None, {}))
    found = []
    for name in CALLERS:
        image = api.create(visibility="private")
        if operation.name == "download_image":
            assert api.upload(image["id"], b"data").status == 204
        path = operation.path.replace("<image_id>", image["id"])
        found.append(called(api, name).request(operation.method, path, body, headers).status)
    assert tuple(found) == EXPECTED[operation.name]
    assert found[-1] == operation.success


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
