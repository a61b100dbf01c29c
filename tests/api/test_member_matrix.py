"""One entry in an image's list of members: who may see, change and remove it, whatever the image's visibility is."""

import itertools
import uuid

import pytest
from harness import Api

STATUSES = ("accepted", "pending", "rejected")
CALLERS = ("owner", *STATUSES, "other", "roleless", "admin")

OPERATIONS = ("list", "show own", "show another's", "answer own", "answer another's", "leave", "remove another")
"""What is asked; for owner, other and admin `own` is an entry of a project with their own id, which there is not."""

# fmt: off
EXPECTED: dict[tuple[str, str], tuple[int, ...]] = {
    #                          list  show own  another's  answer own  another's  leave  remove
    ("private", "owner"):      (403, 404,      404,       403,        403,       403,   403),
    ("private", "accepted"):   (404, 404,      404,       404,        404,       404,   404),
    ("private", "pending"):    (404, 404,      404,       404,        404,       404,   404),
    ("private", "rejected"):   (404, 404,      404,       404,        404,       404,   404),
    ("private", "other"):      (404, 404,      404,       404,        404,       404,   404),
    ("private", "roleless"):   (404, 404,      404,       404,        404,       404,   404),
    ("private", "admin"):      (403, 404,      404,       403,        403,       403,   403),
    ("shared", "owner"):       (200, 404,      200,       403,        403,       404,   204),
    ("shared", "accepted"):    (200, 200,      404,       200,        404,       403,   403),
    ("shared", "pending"):     (200, 200,      404,       200,        404,       403,   403),
    ("shared", "rejected"):    (200, 200,      404,       200,        404,       403,   403),
    ("shared", "other"):       (404, 404,      404,       404,        404,       404,   404),
    ("shared", "roleless"):    (404, 404,      404,       404,        404,       404,   404),
    ("shared", "admin"):       (200, 404,      200,       404,        200,       404,   204),
    ("community", "owner"):    (403, 404,      404,       403,        403,       403,   403),
    ("community", "accepted"): (403, 404,      404,       403,        403,       403,   403),
    ("community", "pending"):  (403, 404,      404,       403,        403,       403,   403),
    ("community", "rejected"): (403, 404,      404,       403,        403,       403,   403),
    ("community", "other"):    (403, 404,      404,       403,        403,       403,   403),
    ("community", "roleless"): (404, 404,      404,       404,        404,       404,   404),
    ("community", "admin"):    (403, 404,      404,       403,        403,       403,   403),
    ("public", "owner"):       (403, 404,      404,       403,        403,       403,   403),
    ("public", "accepted"):    (403, 404,      404,       403,        403,       403,   403),
    ("public", "pending"):     (403, 404,      404,       403,        403,       403,   403),
    ("public", "rejected"):    (403, 404,      404,       403,        403,       403,   403),
    ("public", "other"):       (403, 404,      404,       403,        403,       403,   403),
    ("public", "roleless"):    (404, 404,      404,       404,        404,       404,   404),
    ("public", "admin"):       (403, 404,      404,       403,        403,       403,   403),
}
# fmt: on


@pytest.mark.parametrize(("visibility", "caller"), EXPECTED)
def test_an_entry_is_for_the_owner_and_for_the_member_itself(api: Api, visibility: str, caller: str) -> None:
    image_id = api.create()["id"]
    path = f"/v2/images/{image_id}/members"
    members = {status: api.as_stranger() for status in (*STATUSES, "somebody")}
    for status, member in members.items():
        assert api.post(path, {"member": member.project}).status == 200
        if status in ("accepted", "rejected"):
            assert member.put(f"{path}/{member.project}", {"status": status}).status == 200
    if visibility != "shared":
        change = [{"op": "replace", "path": "/visibility", "value": visibility}]
        assert api.as_admin().patch(image_id, change).status == 200
    callers = members | {"owner": api, "other": api.as_stranger(), "admin": api.as_admin()}
    callers["roleless"] = api.as_project(api.as_stranger().project, "")

    asker = callers[caller]
    own, another = f"{path}/{asker.project}", f"{path}/{members['somebody'].project}"
    answers = {
        "list": asker.get(path).status,
        "show own": asker.get(own).status,
        "show another's": asker.get(another).status,
        "answer own": asker.put(own, {"status": "accepted"}).status,
        "answer another's": asker.put(another, {"status": "accepted"}).status,
        "leave": asker.delete(own).status,
        "remove another": asker.delete(another).status,
    }
    assert answers == dict(zip(OPERATIONS, EXPECTED[visibility, caller], strict=True))


def test_every_caller_has_a_row_for_every_visibility() -> None:
    assert set(EXPECTED) == set(itertools.product(("private", "shared", "community", "public"), CALLERS))


@pytest.mark.parametrize(
    ("visibility", "entries", "one"), [("shared", 403, 404), ("community", 403, 404), ("public", 403, 404)]
)
def test_an_image_that_is_nobodys_tells_no_members(api: Api, visibility: str, entries: int, one: int) -> None:
    admin = api.as_admin()
    image_id = admin.create(owner=None)["id"]
    path = f"/v2/images/{image_id}/members"
    assert admin.post(path, {"member": "m"}).status == 200
    assert admin.patch(image_id, [{"op": "replace", "path": "/visibility", "value": visibility}]).status == 200
    assert (api.get(path).status, api.get(f"{path}/m").status) == (entries, one)
    assert (api.post(path, {"member": "n"}).status, api.delete(f"{path}/m").status) == (403, 403)


def test_an_image_that_is_nobodys_is_uploaded_by_administrators_only(api: Api) -> None:
    admin = api.as_admin()
    for visibility, status in (("shared", 403), ("community", 403), ("public", 403), ("private", 404)):
        image = admin.create(owner=None, visibility=visibility)
        assert api.upload(image["id"], b"x").status == status
        assert api.as_project("", "member,reader").upload(image["id"], b"x").status == status
        assert admin.upload(image["id"], b"x").status == 204


def test_members_come_in_the_order_in_which_they_were_added_and_without_pages(api: Api) -> None:
    image_id = api.create()["id"]
    names = [uuid.uuid4().hex for _ in range(40)]
    for name in names:
        assert api.post(f"/v2/images/{image_id}/members", {"member": name}).status == 200
    document = api.get(f"/v2/images/{image_id}/members?limit=3").json
    assert [member["member_id"] for member in document["members"]] == names
    assert document.keys() == {"members", "schema"}


def test_an_answer_moves_the_time_of_the_entry_and_not_that_of_the_image(api: Api) -> None:
    image = api.create()
    path, member = f"{image['self']}/members", api.as_stranger()
    created = api.post(path, {"member": member.project}).json
    answered = member.put(f"{path}/{member.project}", {"status": "accepted"}).json
    assert answered["created_at"] == created["created_at"]
    assert answered["updated_at"] >= created["updated_at"]
    assert api.show(image["id"]) == image
