"""Tags by their own routes."""

import uuid
from urllib.parse import quote

import pytest
from harness import Api


def put(api: Api, image_id: str, tag: str) -> int:
    return api.put(f"/v2/images/{image_id}/tags/{quote(tag, safe='')}", None).status


def remove(api: Api, image_id: str, tag: str) -> int:
    return api.delete(f"/v2/images/{image_id}/tags/{quote(tag, safe='')}").status


def test_a_tag_is_put_once_however_often_it_is_sent(api: Api) -> None:
    image = api.create(tags=["a"])
    reply = api.put(f"/v2/images/{image['id']}/tags/b", None)
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["Content-Type"] == "text/html; charset=UTF-8"
    assert put(api, image["id"], "b") == 204
    assert sorted(api.show(image["id"])["tags"]) == ["a", "b"]


def test_a_tag_is_removed_and_then_not_there_to_remove(api: Api) -> None:
    image = api.create(tags=["a", "b"])
    assert remove(api, image["id"], "a") == 204
    assert api.show(image["id"])["tags"] == ["b"]
    assert remove(api, image["id"], "a") == 404
    assert remove(api, image["id"], "B") == 404


@pytest.mark.parametrize("tag", ["größe 2", "a%2Fb", "...", "a?b#c", "日本", " ", "a+b", '"\\', "x" * 255])
def test_a_tag_may_be_any_text_that_a_path_can_carry(api: Api, tag: str) -> None:
    image_id = api.create()["id"]
    assert put(api, image_id, tag) == 204
    assert api.show(image_id)["tags"] == [tag]
    assert [image["id"] for image in api.list(f"tag={quote(tag, safe='')}")] == [image_id]
    assert remove(api, image_id, tag) == 204
    assert api.show(image_id)["tags"] == []


def test_a_tag_with_a_slash_cannot_be_addressed(api: Api) -> None:
    image_id = api.create(tags=["a/b"])["id"]
    assert (put(api, image_id, "c/d"), remove(api, image_id, "a/b")) == (404, 404)
    assert api.show(image_id)["tags"] == ["a/b"]


def test_a_change_of_tags_is_a_change_of_the_image(api: Api) -> None:
    image = api.create(tags=["a"])
    before = image["updated_at"]
    while api.show(image["id"])["updated_at"] == before:
        assert (put(api, image["id"], "b"), remove(api, image["id"], "b")) == (204, 204)
    assert api.show(image["id"])["created_at"] == image["created_at"]


def test_tags_change_in_any_status(api: Api) -> None:
    image_id = api.create_with(b"data")["id"]
    assert api.post(f"/v2/images/{image_id}/actions/deactivate", None).status == 204
    assert put(api, image_id, "t") == 204
    assert remove(api, image_id, "t") == 204


def test_who_may_not_change_the_image_changes_no_tag(api: Api) -> None:
    image_id = api.create(visibility="community", tags=["t"])["id"]
    hidden_id = api.create(visibility="private", tags=["t"])["id"]
    stranger = api.as_stranger()
    assert (put(stranger, image_id, "x"), remove(stranger, image_id, "t")) == (403, 403)
    assert (put(stranger, hidden_id, "x"), remove(stranger, hidden_id, "t")) == (404, 404)
    assert (put(api.as_reader(), image_id, "x"), remove(api.as_reader(), image_id, "t")) == (403, 403)
    assert (put(api.as_admin(), image_id, "x"), remove(api.as_admin(), image_id, "x")) == (204, 204)
    assert api.show(image_id)["tags"] == ["t"]


def test_an_image_that_is_not_there_has_no_tags(api: Api) -> None:
    deleted = api.create(tags=["t"])["id"]
    assert api.delete(f"/v2/images/{deleted}").status == 204
    for image_id in (deleted, str(uuid.uuid4()), "not-an-id"):
        assert (put(api, image_id, "t"), remove(api, image_id, "t")) == (404, 404)


def test_a_request_for_a_tag_takes_no_body(api: Api) -> None:
    image_id = api.create(tags=["t"])["id"]
    for method in ("PUT", "DELETE"):
        assert api.request(method, f"/v2/images/{image_id}/tags/t", {"a": 1}).status == 400
    assert api.show(image_id)["tags"] == ["t"]


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "HEAD"])
def test_a_tag_is_only_put_and_deleted(api: Api, method: str) -> None:
    reply = api.request(method, f"/v2/images/{uuid.uuid4()}/tags/t")
    assert (reply.status, reply.headers["Allow"]) == (405, "DELETE, PUT")
