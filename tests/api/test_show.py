"""Showing an image, and what somebody hears who may not see it."""

import uuid
from collections.abc import Callable

import pytest
from harness import Api

VISIBILITIES = ("public", "community", "shared", "private")


def test_a_null_field_is_shown_as_null(api: Api) -> None:
    image = api.show(api.create()["id"])
    assert image["name"] is None
    assert image["size"] is None


@pytest.mark.parametrize("visibility", VISIBILITIES)
def test_who_may_see_an_image_depends_on_its_visibility(api: Api, visibility: str) -> None:
    path = api.as_admin().create(visibility=visibility, owner=api.project)["self"]
    assert api.get(path).status == 200
    assert api.as_reader().get(path).status == 200
    assert api.as_admin().get(path).status == 200
    assert api.as_stranger().get(path).status == (200 if visibility in ("public", "community") else 404)
    assert api.as_project("other", "").get(path).status == 404  # no role that reads
    assert api.as_nobody().get(path).status == 401


@pytest.mark.parametrize("visibility", VISIBILITIES)
def test_an_image_without_owner_is_everybodys_unless_it_is_private(api: Api, visibility: str) -> None:
    image = api.as_admin().create(visibility=visibility, owner=None)
    assert api.get(image["self"]).status == (404 if visibility == "private" else 200)


def test_an_image_without_owner_belongs_to_nobody_who_has_no_project(api: Api) -> None:
    image = api.as_admin().create(visibility="private", owner=None)
    api.project = ""
    assert api.get(image["self"]).status == 404


def test_a_hidden_image_is_shown_to_who_knows_its_id(api: Api) -> None:
    assert api.show(api.create(os_hidden=True)["id"])["os_hidden"] is True


ASKING = (("GET", "", None), ("PATCH", "", []), ("DELETE", "", None), ("GET", "/file", None), ("PUT", "/file", b"x"))


@pytest.mark.parametrize(("method", "below", "body"), ASKING)
def test_an_image_that_one_may_not_see_and_one_that_is_not_there_are_one_answer(
    api: Api, method: str, below: str, body: object
) -> None:
    kind = "application/octet-stream" if below else "application/openstack-images-v2.1-json-patch"
    stranger = api.as_stranger()
    hidden, deleted, absent = api.create()["id"], api.create()["id"], str(uuid.uuid4())
    assert api.delete(f"/v2/images/{deleted}").status == 204
    answers = []
    for image_id in (hidden, deleted, absent):
        headers = {"Content-Type": kind}
        reply = stranger.request(method, f"/v2/images/{image_id}{below}", body, headers)
        names = {name.lower() for name in reply.headers} - {"date"}
        answers.append((reply.status, names, reply.body.replace(image_id.encode(), b"ID")))
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == 404


def test_a_deleted_image_is_gone_for_the_administrator_too(api: Api) -> None:
    image = api.create()
    api.delete(image["self"])
    assert api.as_admin().get(image["self"]).status == 404


@pytest.mark.parametrize("name", ["nope", "%00", "..%2F", "%2e%2e", "x" * 2000, "😀"])
def test_an_id_that_is_none_names_no_image(api: Api, name: str) -> None:
    for below in ("", "/file"):
        assert api.get(f"/v2/images/{name}{below}").status == 404


def test_asking_with_a_body_is_refused(api: Api) -> None:
    image = api.create()
    for path in (image["self"], "/v2/images", "/v2/schemas/image", f"/v2/images/{uuid.uuid4()}"):
        for body in (b"{}", iter([b"x"])):
            reply = api.request("GET", path, body)
            assert (reply.status, reply.json["message"]) == (400, "A body is not expected with this request.")


def test_direct_url_is_shown_where_the_operator_wants_it_and_there_is_data(small: Callable[[], Api]) -> None:
    api = small()
    assert "direct_url" not in api.create()
    assert api.create_with(b"x")["direct_url"].startswith("file:///")


def test_direct_url_is_not_shown_by_default(api: Api) -> None:
    assert not {"direct_url", "locations", "stores"} & api.create_with(b"x").keys()
