"""Deleting an image, at once and with a delay."""

import time
import uuid
from collections.abc import Callable

import pytest
from harness import PATCH_21, Api, Service

DEADLINE = 8


def files(service: Service) -> set[str]:
    """Names of the files that the store holds, its marker aside."""
    return {path.name for path in (service.data_dir / "images").iterdir() if not path.name.startswith(".")}


def wait_until_empty(service: Service) -> None:
    deadline = time.monotonic() + DEADLINE
    while files(service) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert files(service) == set()


def test_a_deleted_image_is_gone(api: Api) -> None:
    image = api.create_with(b"data")
    reply = api.delete(image["self"])
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["Content-Type"] == "text/html; charset=UTF-8"
    for request in (api.get(image["self"]), api.get(image["file"]), api.delete(image["self"])):
        assert (request.status, request.json["message"]) == (404, f"No image found with ID {image['id']}")
    assert api.patch(image["id"], []).status == 404
    assert api.upload(image["id"], b"x").status == 404


def test_a_queued_image_can_be_deleted(api: Api) -> None:
    assert api.delete(api.create()["self"]).status == 204


def test_a_protected_image_stays_until_it_is_not_protected(api: Api) -> None:
    image = api.create(protected=True)
    for caller in (api, api.as_admin()):
        refused = caller.delete(image["self"])
        assert (refused.status, refused.json["message"]) == (
            403,
            f"Image {image['id']} is protected and cannot be deleted.",
        )
    assert api.patch(image["id"], [{"op": "replace", "path": "/protected", "value": False}]).status == 200
    assert api.delete(image["self"]).status == 204


def test_a_delete_takes_no_body(api: Api) -> None:
    image = api.create()
    for path in (image["self"], f"/v2/images/{uuid.uuid4()}"):
        assert api.request("DELETE", path, b"{}").status == 400
    assert api.get(image["self"]).status == 200


def test_who_may_only_see_an_image_may_not_delete_it(api: Api) -> None:
    image = api.as_admin().create(owner=api.project, visibility="public", protected=True)
    for caller in (api.as_stranger(), api.as_reader()):
        refused = caller.delete(image["self"])
        assert (refused.status, refused.json["message"]) == (
            403,
            "You are not authorized to complete delete_image action.",
        )
    assert api.as_nobody().delete(image["self"]).status == 401


@pytest.mark.parametrize("deployment", ["together", "apart"])
def test_the_bytes_of_a_deleted_image_leave_the_store(start_service: Callable[..., Service], deployment: str) -> None:
    service = start_service(deployment=deployment, REGISTRY_LEASE_SECONDS="0.4")
    api = Api(service.url)
    images = [api.create_with(b"data") for _ in range(3)]
    assert len(files(service)) == 3
    for image in images:
        assert api.delete(image["self"]).status == 204
    wait_until_empty(service)
    service.stop()
    assert service.fsck().stdout.count("clean") == 1


@pytest.mark.parametrize("deployment", ["together", "apart"])
def test_with_delayed_delete_the_bytes_are_kept_for_a_while_but_not_for_clients(
    start_service: Callable[..., Service], deployment: str
) -> None:
    options = {"DELAYED_DELETE": "true", "SCRUB_TIME": "2", "REGISTRY_LEASE_SECONDS": "0.4"}
    service = start_service(deployment=deployment, **options)
    api = Api(service.url)
    image, queued = api.create_with(b"data", tags=["t"]), api.create()
    deleted = time.monotonic()
    assert api.delete(image["self"]).status == api.delete(queued["self"]).status == 204

    for caller in (api, api.as_admin()):
        assert [caller.get(path).status for path in (image["self"], image["file"])] == [404, 404]
        assert caller.delete(image["self"]).status == 404
        assert caller.request("PATCH", image["self"], [], {"Content-Type": PATCH_21}).status == 404
        assert [found["id"] for query in ("", "status=pending_delete", "tag=t") for found in caller.list(query)] == []
        assert caller.get(f"/v2/images?marker={image['id']}").status == 400
        assert caller.post("/v2/images", {"id": image["id"]}).status == 409
    time.sleep(max(0.0, deleted + 1.5 - time.monotonic()))
    assert len(files(service)) == 1
    wait_until_empty(service)
    assert time.monotonic() - deleted >= 2
