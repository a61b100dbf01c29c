"""Sharing images with projects: who sees an image, who may do what to it, and what a member may say."""

import uuid
from dataclasses import dataclass

import pytest
from harness import Api, Reply

# Who sees what --------------------------------------------------------------------------------------------------------

QUERIES = (
    "", "member_status=pending", "member_status=rejected", "member_status=all", "visibility=public",
    "visibility=community", "visibility=shared", "visibility=private", "visibility=all",
)  # fmt: skip
ALWAYS = frozenset(QUERIES[:4])
"""Listed whatever is asked for by `member_status`, which limits only what comes through membership."""
EVERYWHERE = ALWAYS | {"visibility=all"}


@dataclass(frozen=True)
class Row:
    """What one caller meets: queries that list the image, and the statuses of requests to it."""

    visibility: str
    caller: str
    listed: frozenset[str]
    read: int
    """Show and download."""
    change: int
    """PATCH; other changes by it: tags, data (409 where allowed, as there is data), actions, delete."""
    members: int
    entries: str
    """The members that the list shows."""
    share: int
    """Add and remove a member."""


def row(visibility: str, caller: str, listed: frozenset[str] | set[str], *rest: int | str) -> object:
    return pytest.param(Row(visibility, caller, frozenset(listed), *rest), id=f"{visibility}-{caller}")  # type: ignore[arg-type]


MEMBERS = {"accepted", "pending", "rejected"}
ALL_ENTRIES = " ".join(sorted(MEMBERS))
NOTHING: frozenset[str] = frozenset()
# fmt: off
ROWS = [
    row("private", "owner", EVERYWHERE | {"visibility=private"}, 200, 200, 403, "", 403),
    row("private", "accepted", NOTHING, 404, 404, 404, "", 404),
    row("private", "other", NOTHING, 404, 404, 404, "", 404),
    row("private", "admin", EVERYWHERE | {"visibility=private"}, 200, 200, 403, "", 403),
    row("shared", "owner", EVERYWHERE | {"visibility=shared"}, 200, 200, 200, ALL_ENTRIES, 200),
    row("shared", "accepted", {"", "member_status=all", "visibility=shared", "visibility=all"}, 200, 403,
        200, "accepted", 403),
    row("shared", "pending", {"member_status=pending", "member_status=all"}, 200, 403, 200, "pending", 403),
    row("shared", "rejected", {"member_status=rejected", "member_status=all"}, 200, 403, 200, "rejected", 403),
    row("shared", "other", NOTHING, 404, 404, 404, "", 404),
    row("shared", "admin", EVERYWHERE | {"visibility=shared"}, 200, 200, 200, ALL_ENTRIES, 200),
    row("community", "owner", EVERYWHERE | {"visibility=community"}, 200, 200, 403, "", 403),
    row("community", "accepted", {"visibility=community", "visibility=all"}, 200, 403, 403, "", 403),
    row("community", "other", {"visibility=community", "visibility=all"}, 200, 403, 403, "", 403),
    row("community", "admin", {"visibility=community", "visibility=all"}, 200, 200, 403, "", 403),
    row("public", "owner", EVERYWHERE | {"visibility=public"}, 200, 200, 403, "", 403),
    row("public", "accepted", EVERYWHERE | {"visibility=public"}, 200, 403, 403, "", 403),
    row("public", "other", EVERYWHERE | {"visibility=public"}, 200, 403, 403, "", 403),
    row("public", "admin", EVERYWHERE | {"visibility=public"}, 200, 200, 403, "", 403),
]
OWNERLESS = [
    row("private", "other", NOTHING, 404, 404, 404, "", 404),
    row("shared", "other", NOTHING, 200, 403, 403, "", 403),
    row("community", "other", {"visibility=community", "visibility=all"}, 200, 403, 403, "", 403),
    row("public", "other", EVERYWHERE | {"visibility=public"}, 200, 403, 403, "", 403),
    row("private", "admin", EVERYWHERE | {"visibility=private"}, 200, 200, 403, "", 403),
    row("community", "admin", {"visibility=community", "visibility=all"}, 200, 200, 403, "", 403),
    row("public", "admin", EVERYWHERE | {"visibility=public"}, 200, 200, 403, "", 403),
]
# fmt: on


def join(api: Api, image_id: str, status: str) -> Api:
    """A new project that is a member of the image with this status."""
    member = api.as_stranger()
    assert api.post(f"/v2/images/{image_id}/members", {"member": member.project}).status == 200
    if status != "pending":
        assert say(member, image_id, status).status == 200
    return member


def say(member: Api, image_id: str, status: str) -> Reply:
    return member.put(f"/v2/images/{image_id}/members/{member.project}", {"status": status})


def own(caller: Api) -> list[str]:
    """Ids of what is listed but not public: other tests make public images."""
    return [image["id"] for image in caller.list("limit=1000") if image["visibility"] != "public"]


def entries(reply: Reply) -> str:
    return " ".join(sorted(member["status"] for member in reply.json["members"]))


@pytest.mark.parametrize("expected", ROWS)
def test_a_caller_meets_an_image_as_its_visibility_says(api: Api, expected: Row) -> None:
    mark = uuid.uuid4().hex
    image_id = api.create_with(b"data", tags=[mark])["id"]
    callers = {"owner": api, "admin": api.as_admin(), "other": api.as_stranger()}
    callers |= {status: join(api, image_id, status) for status in sorted(MEMBERS)}
    if expected.visibility != "shared":
        change = [{"op": "replace", "path": "/visibility", "value": expected.visibility}]
        assert api.as_admin().patch(image_id, change).status == 200

    meet(callers[expected.caller], image_id, mark, expected)


@pytest.mark.parametrize("expected", OWNERLESS)
def test_an_image_without_owner_is_everybodys_to_read_unless_private(api: Api, expected: Row) -> None:
    mark = uuid.uuid4().hex
    caller = api.as_admin() if expected.caller == "admin" else api
    image_id = api.as_admin().create_with(b"data", tags=[mark], owner=None, visibility=expected.visibility)["id"]

    meet(caller, image_id, mark, expected)


def meet(caller: Api, image_id: str, mark: str, expected: Row) -> None:
    """Ask for everything that the table speaks of, the last thing being to delete the image."""
    path, ok = f"/v2/images/{image_id}", expected.change == 200
    listed = {query for query in QUERIES if caller.list(f"tag={mark}&{query}")}
    assert listed == expected.listed
    assert (caller.get(path).status, caller.get(f"{path}/file").status) == (expected.read, expected.read)
    reply = caller.get(f"{path}/members")
    assert (reply.status, entries(reply) if reply.status == 200 else "") == (expected.members, expected.entries)
    new = f"{path}/members/{uuid.uuid4().hex}"
    add = caller.post(f"{path}/members", {"member": new.rpartition("/")[2]}).status
    remove = caller.delete(new).status
    assert (add, remove) == (expected.share, 204 if expected.share == 200 else expected.share)
    answers = {
        "patch": caller.patch(image_id, [{"op": "add", "path": "/p", "value": "1"}]).status,
        "tag": caller.put(f"{path}/tags/t", None).status,
        "untag": caller.delete(f"{path}/tags/{mark}").status,
        "upload": caller.upload(image_id, b"new").status,
        "deactivate": caller.post(f"{path}/actions/deactivate", None).status,
        "reactivate": caller.post(f"{path}/actions/reactivate", None).status,
        "delete": caller.delete(path).status,
    }
    allowed = dict.fromkeys(answers, 204) | {"patch": 200, "upload": 409}
    assert answers == (allowed if ok else dict.fromkeys(answers, expected.change))


def test_a_reader_reads_what_is_shared_and_can_do_nothing_with_it(api: Api) -> None:
    image_id = api.create_with(b"data")["id"]
    member = join(api, image_id, "accepted")
    path = f"/v2/images/{image_id}"
    for reader in (api.as_reader(), member.as_reader()):
        assert reader.show(image_id)["status"] == "active"
        assert image_id in [image["id"] for image in reader.list()]
        assert reader.get(f"{path}/members").status == 200
        assert reader.get(f"{path}/members/{member.project}").status == 200
        assert reader.get(f"{path}/file").status == 403
        assert reader.patch(image_id, [{"op": "add", "path": "/p", "value": "1"}]).status == 403
        assert reader.post("/v2/images", {}).status == 403
        assert reader.post(f"{path}/members", {"member": "x"}).status == 403
        assert reader.delete(f"{path}/members/{member.project}").status == 403
        assert say(reader, image_id, "rejected").status in (403, 404)
        assert reader.delete(path).status == 403
    assert say(member.as_reader(), image_id, "rejected").status == 403
    assert member.get(f"{path}/members/{member.project}").json["status"] == "accepted"


def test_without_a_role_images_are_neither_listed_nor_shown(api: Api) -> None:
    image_id = api.create(visibility="community")["id"]
    nobody = api.as_project(api.project, roles="")
    assert nobody.get("/v2/images").status == 403
    assert nobody.get(f"/v2/images/{image_id}").status == 404


def test_a_hidden_image_is_shown_but_listed_only_when_asked_for(api: Api) -> None:
    mark = uuid.uuid4().hex
    image_id = api.create(os_hidden=True, tags=[mark])["id"]
    member = join(api, image_id, "accepted")
    for caller in (api, member, api.as_admin()):
        assert caller.show(image_id)["os_hidden"] is True
        assert caller.list(f"tag={mark}") == []
        assert [image["id"] for image in caller.list(f"tag={mark}&os_hidden=True")] == [image_id]


def test_only_an_administrator_makes_an_image_public_and_only_a_member_a_community_one(api: Api) -> None:
    image_id = api.create()["id"]
    for visibility, status in (("public", 403), ("community", 200), ("private", 200), ("shared", 200)):
        assert api.patch(image_id, [{"op": "replace", "path": "/visibility", "value": visibility}]).status == status
    assert api.as_admin().patch(image_id, [{"op": "replace", "path": "/visibility", "value": "public"}]).status == 200


# Members --------------------------------------------------------------------------------------------------------------


def test_a_member_is_told_by_id_status_times_and_schema(api: Api) -> None:
    image_id = api.create()["id"]
    reply = api.post(f"/v2/images/{image_id}/members", {"member": "p1", "other": 1})
    assert (reply.status, "Location" in reply.headers) == (200, False)
    assert reply.headers["Content-Type"] == "application/json"
    entity = reply.json
    assert sorted(entity) == ["created_at", "image_id", "member_id", "schema", "status", "updated_at"]
    assert (entity["member_id"], entity["image_id"], entity["status"]) == ("p1", image_id, "pending")
    assert entity["schema"] == "/v2/schemas/member"
    assert entity["created_at"] == entity["updated_at"]
    assert api.get(f"/v2/images/{image_id}/members/p1").json == entity
    document = api.get(f"/v2/images/{image_id}/members").json
    assert document == {"members": [entity], "schema": "/v2/schemas/members"}


def test_a_member_says_what_it_thinks_as_often_as_it_likes(api: Api) -> None:
    image_id = api.create()["id"]
    member = join(api, image_id, "pending")
    for status in ("accepted", "rejected", "pending", "accepted"):
        reply = say(member, image_id, status)
        assert (reply.status, reply.json["status"]) == (200, status)
    path = f"/v2/images/{image_id}/members/{member.project}"
    assert api.as_admin().put(path, {"status": "rejected"}).json["status"] == "rejected"
    assert member.show(image_id)["id"] == image_id  # a rejected member still reads by id


def test_the_owner_does_not_answer_for_a_member(api: Api) -> None:
    image_id = api.create()["id"]
    member, other = join(api, image_id, "pending"), join(api, image_id, "pending")
    path = f"/v2/images/{image_id}/members/{member.project}"
    for caller, status in ((api, 403), (other, 404), (api.as_stranger(), 404)):
        assert caller.put(path, {"status": "accepted"}).status == status
    assert api.get(path).json["status"] == "pending"


def test_a_member_sees_its_own_entry_only_and_cannot_leave(api: Api) -> None:
    image_id = api.create()["id"]
    member, other = join(api, image_id, "accepted"), join(api, image_id, "accepted")
    path = f"/v2/images/{image_id}/members"
    assert member.get(f"{path}/{member.project}").status == 200
    assert member.get(f"{path}/{other.project}").status == 404
    assert member.delete(f"{path}/{member.project}").status == 403
    assert api.get(f"{path}/{uuid.uuid4().hex}").status == 404
    assert len(api.get(path).json["members"]) == 2


def test_a_member_that_comes_again_starts_anew(api: Api) -> None:
    image_id = api.create()["id"]
    member = join(api, image_id, "accepted")
    path = f"/v2/images/{image_id}/members"
    assert api.post(path, {"member": member.project}).status == 409
    reply = api.delete(f"{path}/{member.project}")
    assert (reply.status, reply.body, "Content-Type" in reply.headers) == (204, b"", False)
    assert member.get(f"/v2/images/{image_id}").status == 404
    assert api.delete(f"{path}/{member.project}").status == 404
    assert api.post(path, {"member": member.project}).json["status"] == "pending"


def test_members_survive_a_change_of_visibility_without_effect_meanwhile(api: Api) -> None:
    image_id = api.create()["id"]
    member = join(api, image_id, "accepted")
    path = f"/v2/images/{image_id}/members"
    assert api.patch(image_id, [{"op": "replace", "path": "/visibility", "value": "private"}]).status == 200
    assert member.get(f"/v2/images/{image_id}").status == 404
    assert own(member) == []
    assert member.get(f"/v2/images?marker={image_id}").status == 400
    assert [api.get(path).status, api.post(path, {"member": "p"}).status] == [403, 403]
    assert [api.get(f"{path}/{member.project}").status, api.delete(f"{path}/{member.project}").status] == [404, 403]
    assert say(member, image_id, "rejected").status == 404
    assert api.as_admin().put(f"{path}/{member.project}", {"status": "rejected"}).status == 403

    assert api.patch(image_id, [{"op": "replace", "path": "/visibility", "value": "shared"}]).status == 200
    assert own(member) == [image_id]
    assert member.get(f"{path}/{member.project}").json["status"] == "accepted"


def test_a_member_of_an_image_that_became_public_may_not_speak_any_more(api: Api) -> None:
    image_id = api.create()["id"]
    member = join(api, image_id, "pending")
    assert api.as_admin().patch(image_id, [{"op": "replace", "path": "/visibility", "value": "public"}]).status == 200
    assert say(member, image_id, "accepted").status == 403
    assert member.get(f"/v2/images/{image_id}/members/{member.project}").status == 404


def test_the_owner_may_be_a_member_of_its_own_image(api: Api) -> None:
    image_id = api.create()["id"]
    assert api.post(f"/v2/images/{image_id}/members", {"member": api.project}).status == 200
    assert own(api) == [image_id]


def test_members_go_with_their_image(api: Api) -> None:
    image_id = api.create()["id"]
    member = join(api, image_id, "accepted")
    assert api.delete(f"/v2/images/{image_id}").status == 204
    assert own(member) == []
    assert api.get(f"/v2/images/{image_id}/members").status == 404
    assert say(member, image_id, "rejected").status == 404


def sent_as_utf8(api: Api, project: str) -> Api:
    return api.as_project(project.encode().decode("latin-1"))


def test_a_member_is_found_by_no_near_miss_of_its_id(api: Api) -> None:
    image_id = api.create()["id"]
    odd = "Projäkt/%_x"
    assert api.post(f"/v2/images/{image_id}/members", {"member": odd}).status == 200
    for near in ("projäkt/%_x", "Projakt/%_x", "Projäkt/abx", "Projäkt/%_x2"):
        assert sent_as_utf8(api, near).get(f"/v2/images/{image_id}").status == 404
    assert sent_as_utf8(api, odd).get(f"/v2/images/{image_id}").status == 200
    assert [member["member_id"] for member in api.get(f"/v2/images/{image_id}/members").json["members"]] == [odd]


def test_other_methods_are_told_which_there_are(api: Api) -> None:
    path = f"/v2/images/{uuid.uuid4()}/members"
    for method in ("PUT", "PATCH", "DELETE", "HEAD"):
        reply = api.request(method, path)
        assert (reply.status, reply.headers["Allow"]) == (405, "GET, POST")
    for method in ("POST", "PATCH", "HEAD"):
        reply = api.request(method, f"{path}/x")
        assert (reply.status, reply.headers["Allow"]) == (405, "DELETE, GET, PUT")
