"""Property protections: who may create, read, update and delete which properties."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import PATCH_20, Api, Service, command, environment, make_service, running

ROLES = """
[^x_none_.*]
create = !
read = !
update = !
delete = !
[^x_read_.*]
create = admin
read = member,auditor
update = admin
delete = admin
[^x_secret_.*]
create = admin
read = admin
update = admin
delete = admin
[^x_blind_.*]
create = member
read = admin
update = member
delete = member
[^x_create_.*]
create = member
read = member
update = admin
delete = admin
[^x_update_.*]
create = admin
read = member
update = Member
delete = admin
[^x_delete_.*]
create = admin
read = member
update = admin
delete = member
[^x_both_.*]
create = admin,!
read = @,admin
update = @
delete =
unknown = whatever
[^x_.*]
create = @
read = @
update = @
delete = @
"""
POLICIES = """
[^x_secret_.*]
create = context_is_admin
read = context_is_admin
update = context_is_admin
delete = context_is_admin
[^x_owner_.*]
create = role:member
read = @
update = role:member
delete = !
[.*]
create = @
read = @
update = @
delete = @
"""


def guarded(folder: Path, deployment: str, text: str, form: str) -> Service:
    (folder / "protections.conf").write_text(text)
    return make_service(
        folder / "data", deployment, PROPERTY_PROTECTION_FILE=str(folder / "protections.conf"),
        PROPERTY_PROTECTION_RULE_FORMAT=form,
    )  # fmt: skip


@pytest.fixture(scope="module", params=["together", "apart"])
def by_roles(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(guarded(tmp_path_factory.mktemp(request.param), request.param, ROLES, "roles")) as service:
        yield service


@pytest.fixture(scope="module")
def by_policies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(guarded(tmp_path_factory.mktemp("policies"), "together", POLICIES, "policies")) as service:
        yield service


@pytest.fixture
def member(by_roles: Service) -> Api:
    return Api(by_roles.url)


def furnish(member: Api) -> str:
    """An image of the member's with a property of each kind that an administrator can make."""
    image_id: str = member.create(x_plain="0")["id"]
    names = ("x_read_1", "x_secret_1", "x_update_1", "x_delete_1")
    change = [{"op": "add", "path": f"/{name}", "value": "1"} for name in names]
    assert member.as_admin().patch(image_id, change).status == 200
    return image_id


def change(api: Api, image_id: str, verb: str, name: str) -> int:
    return api.patch(image_id, [{"op": verb, "path": f"/{name}", "value": "2"}]).status


@pytest.mark.parametrize(
    ("name", "create", "update", "remove"),
    [
        ("x_plain", 201, 200, 200),
        ("x_none_1", 403, 409, 409),
        ("x_read_1", 403, 403, 403),
        ("x_secret_1", 403, 409, 409),  # for who cannot read it, it is not there
        ("x_update_1", 403, 200, 403),
        ("x_delete_1", 403, 403, 200),
        ("unmatched", 403, 409, 409),
    ],
)
def test_a_member_does_what_the_first_matching_section_allows(
    member: Api, name: str, create: int, update: int, remove: int
) -> None:
    image_id = furnish(member)
    before = member.as_admin().show(image_id)
    assert member.post("/v2/images", {name: "1"}).status == create
    answers = change(member, image_id, "replace", name), change(member, image_id, "remove", name)
    assert answers == (update, remove)
    after = member.as_admin().show(image_id)
    expected = before | ({name: "2"} if update == 200 else {})
    if remove == 200:
        del expected[name]
    assert {**after, "updated_at": ""} == {**expected, "updated_at": ""}


def test_a_refused_property_refuses_the_whole_request(member: Api) -> None:
    count = len(member.list("limit=1000"))
    reply = member.post("/v2/images", {"name": "n", "x_plain": "1", "x_secret_1": "1"})
    assert reply.status == 403
    assert "x_secret_1" in reply.json["message"]
    assert len(member.list("limit=1000")) == count
    image_id = furnish(member)
    body = [{"op": "add", "path": "/x_new", "value": "1"}, {"op": "replace", "path": "/x_read_1", "value": "2"}]
    assert member.patch(image_id, body).status == 403
    assert "x_new" not in member.show(image_id)


def test_what_may_be_created_once_is_not_updated(member: Api) -> None:
    image = member.create(x_create_1="1")
    assert change(member, image["id"], "replace", "x_create_1") == 403
    assert change(member, image["id"], "add", "x_create_1") == 403
    assert change(member, image["id"], "remove", "x_create_1") == 403
    assert member.show(image["id"]) == image


def test_what_one_may_not_read_is_left_out_and_cannot_be_found_or_overwritten(member: Api) -> None:
    image_id = furnish(member)
    assert "x_secret_1" not in member.show(image_id)
    assert "x_secret_1" not in member.list(f"id={image_id}")[0]
    assert member.list("x_secret_1=1") == []
    assert [image["id"] for image in member.as_admin().list(f"x_secret_1=1&id={image_id}")] == [image_id]
    assert change(member, image_id, "add", "x_secret_1") == 403
    assert member.patch(image_id, [{"add": "/x_secret_1", "value": "2"}], PATCH_20).status == 403
    assert member.as_admin().show(image_id)["x_secret_1"] == "1"


def test_what_may_be_created_but_not_read_is_not_overwritten_by_chance(member: Api) -> None:
    image = member.create(x_blind_1="1")
    assert "x_blind_1" not in image
    assert change(member, image["id"], "add", "x_blind_1") == 403
    assert change(member, image["id"], "replace", "x_blind_1") == 409
    assert change(member, image["id"], "remove", "x_blind_1") == 409
    assert member.as_admin().show(image["id"])["x_blind_1"] == "1"


def test_a_patch_by_who_cannot_read_a_property_leaves_it_alone(member: Api) -> None:
    image_id = furnish(member)
    reply = member.patch(image_id, [{"op": "replace", "path": "/x_plain", "value": "9"}])
    assert (reply.status, reply.json["x_plain"], "x_secret_1" in reply.json) == (200, "9", False)
    assert member.as_admin().show(image_id)["x_secret_1"] == "1"


def test_everybody_and_nobody_win_over_roles(member: Api) -> None:
    assert member.as_admin().post("/v2/images", {"x_both_1": "1"}).status == 403
    assert member.as_admin().post("/v2/images", {"x_none_1": "1"}).status == 403


def test_a_property_that_no_section_matches_is_nobodys(member: Api) -> None:
    assert member.as_admin().post("/v2/images", {"other": "1"}).status == 403


def test_roles_of_a_service_count(member: Api) -> None:
    image_id = furnish(member)
    with_service = {"X-Service-Roles": "admin"}
    assert member.request("GET", f"/v2/images/{image_id}", headers=with_service).json["x_secret_1"] == "1"


def test_fields_of_the_image_itself_are_not_protected(member: Api) -> None:
    image_id = member.create(name="n", tags=["t"])["id"]
    assert member.patch(image_id, [{"op": "replace", "path": "/name", "value": "m"}]).status == 200
    assert member.show(image_id)["name"] == "m"


def test_protections_may_be_rules_of_the_policy(by_policies: Service) -> None:
    member = Api(by_policies.url)
    assert member.post("/v2/images", {"x_secret_1": "1"}).status == 403
    image = member.create(x_owner_1="1", free="1")
    assert change(member, image["id"], "replace", "x_owner_1") == 200
    assert change(member, image["id"], "remove", "x_owner_1") == 403
    assert change(member, image["id"], "remove", "free") == 200
    assert change(member.as_admin(), image["id"], "add", "x_secret_1") == 200
    assert "x_secret_1" not in member.show(image["id"])
    assert member.as_admin().show(image["id"])["x_secret_1"] == "2"


GOOD = "read = @\nupdate = @\ndelete = @\n"


@pytest.mark.parametrize(
    ("text", "form", "said"),
    [
        (f"[.*]\n{GOOD}", "roles", "create"),
        (f"[*]\ncreate = @\n{GOOD}", "roles", "regular expression"),
        (f"[.*]\ncreate = @,!\n{GOOD}", "roles", "both"),
        (f"[.*]\ncreate = a,b\n{GOOD}", "policies", "one policy rule"),
        (f"[.*]\ncreate = no such thing\n{GOOD}", "policies", "not understood"),
        (f"[.*]\ncreate = @\n{GOOD}", "other", "roles or policies"),
        ("create = @\n", "roles", "not understood"),
        (f"[.*]\ncreate = @\n{GOOD}[.*]\ncreate = @\n{GOOD}", "roles", "not understood"),
    ],
)
def test_a_file_that_is_not_understood_stops_the_start(tmp_path: Path, text: str, form: str, said: str) -> None:
    service = guarded(tmp_path, "together", text, form)
    daemon = service.api
    words = command("server", "run", "all", "--bind", "127.0.0.1:0", "--data-dir", str(daemon.data_dir))
    env = environment(daemon.options)
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=15, check=False)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_services_own_properties_are_not_asked_about(member: Api) -> None:
    assert member.as_admin().post("/v2/images", {"os_glance_x": "1"}).status == 403
