"""Deactivate and reactivate."""

import uuid

import pytest
from harness import Api

ACTIONS = ("deactivate", "reactivate")


def act(api: Api, image_id: str, action: str) -> int:
    return api.post(f"/v2/images/{image_id}/actions/{action}", None).status


def test_a_deactivated_image_gives_its_data_to_administrators_only(api: Api) -> None:
    image_id = api.create_with(b"data")["id"]
    reply = api.post(f"/v2/images/{image_id}/actions/deactivate", None)
    assert (reply.status, reply.body) == (204, b"")
    assert api.show(image_id)["status"] == "deactivated"
    assert api.get(f"/v2/images/{image_id}/file").status == 403
    assert api.get(f"/v2/images/{image_id}/file", Range="bytes=0-0").status == 403
    assert api.as_admin().get(f"/v2/images/{image_id}/file").body == b"data"

    assert act(api, image_id, "reactivate") == 204
    assert api.show(image_id)["status"] == "active"
    assert api.get(f"/v2/images/{image_id}/file").body == b"data"


def test_an_action_on_an_image_that_is_so_already_is_quiet(api: Api) -> None:
    image_id = api.create_with(b"data")["id"]
    assert act(api, image_id, "reactivate") == 204
    assert (act(api, image_id, "deactivate"), act(api, image_id, "deactivate")) == (204, 204)
    assert api.show(image_id)["status"] == "deactivated"


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_on_a_queued_image_is_forbidden(api: Api, action: str) -> None:
    image_id = api.create()["id"]
    assert act(api, image_id, action) == 403
    assert api.show(image_id)["status"] == "queued"


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_takes_no_body(api: Api, action: str) -> None:
    image = api.create_with(b"data")
    assert api.post(f"/v2/images/{image['id']}/actions/{action}", {}).status == 400
    assert api.show(image["id"]) == image


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_needs_the_owner_or_an_administrator(api: Api, action: str) -> None:
    seen, hidden = api.create_with(b"data", visibility="community"), api.create_with(b"data", visibility="private")
    assert act(api.as_stranger(), seen["id"], action) == 403
    assert act(api.as_stranger(), hidden["id"], action) == 404
    assert act(api.as_reader(), seen["id"], action) == 403
    assert act(api.as_admin(), hidden["id"], action) == 204
    assert act(api, str(uuid.uuid4()), action) == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD"])
def test_an_action_is_only_posted(api: Api, method: str) -> None:
    for action in ACTIONS:
        reply = api.request(method, f"/v2/images/{uuid.uuid4()}/actions/{action}")
        assert (reply.status, reply.headers["Allow"]) == (405, "POST")


def test_there_is_no_other_action(api: Api) -> None:
    image_id = api.create_with(b"data")["id"]
    assert act(api, image_id, "delete") == 404


def test_a_deactivated_image_is_changed_shared_and_deleted_as_any_other(api: Api) -> None:
    image_id = api.create_with(b"data", p="1")["id"]
    assert act(api, image_id, "deactivate") == 204
    assert api.upload(image_id, b"new").status == 409
    assert api.patch(image_id, [{"op": "replace", "path": "/p", "value": "2"}]).status == 200
    assert api.post(f"/v2/images/{image_id}/members", {"member": "m"}).status == 200
    assert api.list("status=deactivated")[0]["id"] == image_id
    assert api.delete(f"/v2/images/{image_id}").status == 204


def test_a_blocked_image_is_blocked_whatever_part_of_it_is_asked_for(api: Api) -> None:
    image = api.create_with(b"0123456789")
    assert api.post(f"{image['self']}/actions/deactivate", b"").status == 204
    for part in ("bytes=0-1", "bytes=99-", "junk", "bytes=0-1,3-4"):
        assert api.get(image["file"], Range=part).status == 403
