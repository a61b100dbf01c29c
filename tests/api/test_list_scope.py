"""What a list shows to whom."""

import uuid

import pytest
from harness import Api

OWNERS = ("mine", "theirs", "nobody")
VISIBILITIES = ("public", "community", "shared", "private")

# What each caller finds of the twelve images that `furnish` makes, by the `visibility` asked for.
# fmt: off
MINE = {f"mine-{visibility}" for visibility in VISIBILITIES}
PUBLIC = {f"{owner}-public" for owner in OWNERS}
COMMUNITY = {f"{owner}-community" for owner in OWNERS}
SHARED = {f"{owner}-shared" for owner in OWNERS}
PRIVATE = {f"{owner}-private" for owner in OWNERS}
EVERYTHING = PUBLIC | COMMUNITY | SHARED | PRIVATE
MEMBER = {
    None: MINE | PUBLIC,
    "public": PUBLIC,
    "community": COMMUNITY,
    "shared": {"mine-shared"},
    "private": {"mine-private"},
    "all": MINE | PUBLIC | COMMUNITY,
    "": set(),
}
ADMIN = {
    None: EVERYTHING - COMMUNITY,
    "public": PUBLIC,
    "community": COMMUNITY,
    "shared": SHARED,
    "private": PRIVATE,
    "all": EVERYTHING,
    "": set(),
}
# fmt: on


def furnish(api: Api) -> str:
    """An image of each visibility for each owner; the tag that finds them."""
    mark, other = uuid.uuid4().hex, uuid.uuid4().hex
    for name, owner in zip(OWNERS, (api.project, other, None), strict=True):
        for visibility in VISIBILITIES:
            image = {"name": f"{name}-{visibility}", "visibility": visibility, "owner": owner, "tags": [mark]}
            api.as_admin().create(**image)
    return mark


def names(api: Api, mark: str, visibility: str | None) -> set[str]:
    asked = "" if visibility is None else f"&visibility={visibility}"
    return {image["name"] for image in api.list(f"tag={mark}{asked}")}


def test_a_member_and_a_reader_see_their_own_and_public_images(api: Api) -> None:
    mark = furnish(api)
    for caller in (api, api.as_reader()):
        assert {visibility: names(caller, mark, visibility) for visibility in MEMBER} == MEMBER


def test_an_administrator_sees_all_but_the_community_images_of_others(api: Api) -> None:
    mark = furnish(api)
    admin = api.as_admin()
    assert {visibility: names(admin, mark, visibility) for visibility in ADMIN} == ADMIN


def test_an_administrator_sees_community_images_of_their_own_project(api: Api) -> None:
    mark = furnish(api)
    admin = api.as_project(api.project, "admin")
    assert names(admin, mark, None) == EVERYTHING - COMMUNITY | {"mine-community"}


def test_who_has_no_project_or_no_role_may_not_list(api: Api) -> None:
    homeless = api.as_reader()
    homeless.project = ""
    for caller in (api.as_project(api.project, ""), api.as_project(api.project, "member"), homeless):
        refused = caller.get("/v2/images")
        assert (refused.status, refused.json["message"]) == (
            403,
            "You are not authorized to complete get_images action.",
        )
    assert api.as_nobody().get("/v2/images").status == 401


def test_an_administrator_without_a_project_lists_all(api: Api) -> None:
    image, homeless = api.create(), api.as_admin()
    homeless.project = ""
    assert [found["id"] for found in homeless.list(f"id={image['id']}")] == [image["id"]]


@pytest.mark.parametrize(
    "query", ["visibility=Public", "visibility=secret", "member_status=Accepted", "member_status="]
)
def test_a_scope_that_there_is_not_is_refused(api: Api, query: str) -> None:
    reply = api.get(f"/v2/images?{query}")
    assert reply.status == 400
    assert query.partition("=")[0] in reply.json["message"]


@pytest.mark.parametrize("status", ["accepted", "pending", "rejected", "all"])
def test_membership_states_do_not_limit_ones_own_images(api: Api, status: str) -> None:
    image = api.create()
    assert [found["id"] for found in api.list(f"member_status={status}&visibility=shared")] == [image["id"]]


def test_hidden_images_are_listed_only_when_asked_for(api: Api) -> None:
    plain, hidden = api.create()["id"], api.create(os_hidden=True)["id"]
    own = "visibility=shared"
    assert [image["id"] for image in api.list(own)] == [plain]
    for value in ("false", "False", "FALSE"):
        assert [image["id"] for image in api.list(f"{own}&os_hidden={value}")] == [plain]
    for value in ("true", "True"):
        assert [image["id"] for image in api.list(f"{own}&os_hidden={value}")] == [hidden]
    for value in ("1", "yes", ""):
        assert api.get(f"/v2/images?os_hidden={value}").status == 400


def test_deleted_images_are_not_listed_whoever_asks_however(api: Api) -> None:
    image = api.create()
    api.delete(image["self"])
    for caller in (api, api.as_admin()):
        for query in ("", "&status=deleted", "&deleted=true", "&visibility=all"):
            assert caller.list(f"id={image['id']}{query}") == []


def test_an_empty_list_has_its_links_and_no_next_page(api: Api) -> None:
    reply = api.get("/v2/images?name=none")
    assert reply.json == {"images": [], "first": "/v2/images?name=none", "schema": "/v2/schemas/images"}
    assert api.get("/v2/images?limit=0").json == {
        "images": [],
        "first": "/v2/images?limit=0",
        "schema": "/v2/schemas/images",
    }


def test_a_listed_image_is_the_image_that_is_shown(api: Api) -> None:
    image = api.create_with(b"data", name="x", tags=["a", "b"], p="q")
    assert api.list(f"id={image['id']}") == [api.show(image["id"])]
