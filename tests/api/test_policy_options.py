"""Options of the policy, and which parts of a caller's identity rules look at."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import PATCH_21, Api, Service, command, environment, make_service, running

INI = Path(__file__).parents[2] / "etc/api-paste.ini"


def replace(name: str, value: object) -> dict[str, object]:
    return {"op": "replace", "path": f"/{name}", "value": value}


# Before there were roles ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["together", "apart"])
def old(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that does not enforce the new defaults, lets anonymous callers read, and has a rule in a file."""
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "ini").write_text(INI.read_text().replace("anonymous_access = false", "anonymous_access = true"))
    (folder / "policy.yaml").write_text("reactivate: 'role:reviver'\n")
    options = {
        "OSLO_POLICY_ENFORCE_NEW_DEFAULTS": "false",
        "OSLO_POLICY_POLICY_FILE": str(folder / "policy.yaml"),
        "PASTE_DEPLOY_CONFIG_FILE": str(folder / "ini"),
        "SHOW_IMAGE_DIRECT_URL": "true",
    }
    with running(make_service(folder / "data", request.param, **options)) as service:
        yield service


@pytest.fixture
def owner(old: Service) -> Api:
    """Somebody without any role."""
    return Api(old.url, roles="")


def roleless(api: Api) -> Api:
    return api.as_project(api.as_stranger().project, "")


def test_without_new_defaults_an_owner_needs_no_role(owner: Api) -> None:
    image = owner.create()
    path = image["self"]
    assert owner.upload(image["id"], b"data").status == 204
    assert owner.get(image["file"]).body == b"data"
    assert [one["id"] for one in owner.list()] == [image["id"]]
    assert owner.patch(image["id"], [replace("name", "n"), replace("visibility", "community")]).status == 200
    assert owner.patch(image["id"], [replace("visibility", "shared")]).status == 200
    assert owner.put(f"{path}/tags/t", None).status == 204
    assert owner.post(f"{path}/members", {"member": "m"}).status == 200
    assert len(owner.get(f"{path}/members").json["members"]) == 1
    assert owner.get(f"{path}/members/m").status == 200
    assert owner.delete(f"{path}/members/m").status == 204
    assert owner.post(f"{path}/actions/deactivate", None).status == 204
    assert owner.delete(path).status == 204


def test_without_new_defaults_seeing_an_image_is_enough_to_read_it_but_not_to_change_it(owner: Api) -> None:
    image, hidden = owner.create_with(b"data", visibility="community"), owner.create_with(b"data", visibility="private")
    other = roleless(owner)
    assert other.show(image["id"])["direct_url"] == owner.show(image["id"])["direct_url"]
    assert other.get(image["file"]).body == b"data"
    assert [one["id"] for one in other.list("visibility=community&owner=" + owner.project)] == [image["id"]]
    assert (other.get(hidden["self"]).status, other.get(hidden["file"]).status) == (404, 404)
    for answer in (
        other.patch(image["id"], [replace("name", "n")]),
        other.put(f"{image['self']}/tags/t", None),
        other.upload(image["id"], b"x"),
        other.post(f"{image['self']}/members", {"member": "m"}),
        other.post(f"{image['self']}/actions/deactivate", None),
        other.delete(image["self"]),
        other.post("/v2/images", {"owner": owner.project}),
    ):
        assert answer.status == 403
    assert owner.show(image["id"]) == image


def test_without_new_defaults_a_member_project_needs_no_role(owner: Api) -> None:
    image = owner.create()
    member, path = roleless(owner), f"{image['self']}/members"
    assert owner.post(path, {"member": member.project}).status == 200
    assert [one["member_id"] for one in member.get(path).json["members"]] == [member.project]
    assert member.put(f"{path}/{member.project}", {"status": "accepted"}).status == 200
    assert owner.put(f"{path}/{member.project}", {"status": "rejected"}).status == 403
    assert (member.delete(f"{path}/{member.project}").status, member.delete(image["self"]).status) == (403, 403)


def test_without_new_defaults_what_was_for_administrators_still_is(owner: Api) -> None:
    image = owner.create()
    assert owner.patch(image["id"], [replace("visibility", "public")]).status == 403
    assert owner.patch(image["id"], [replace("owner", "x")]).status == 403
    assert owner.as_admin().patch(image["id"], [replace("visibility", "public")]).status == 200


def test_without_new_defaults_a_rule_of_the_policy_file_stands_alone(owner: Api) -> None:
    image = owner.create_with(b"data")
    path = f"{image['self']}/actions"
    assert owner.post(f"{path}/deactivate", None).status == 204
    assert owner.post(f"{path}/reactivate", None).status == 403
    assert owner.as_project(owner.project, "reviver").post(f"{path}/reactivate", None).status == 204


def test_without_new_defaults_anonymous_callers_read_what_is_public_and_write_nothing(owner: Api) -> None:
    public = owner.as_admin().create_with(b"data", visibility="public")
    shared, ownerless = owner.create(), owner.as_admin().create(owner=None, visibility="community")
    nobody = owner.as_nobody()
    listed = [one["id"] for one in nobody.list("limit=1000")]
    assert public["id"] in listed
    assert shared["id"] not in listed
    assert nobody.get(public["file"]).body == b"data"
    assert nobody.get(shared["self"]).status == 404
    for image in (public, ownerless):
        refused = [
            nobody.patch(image["id"], [replace("name", "n")]),
            nobody.delete(image["self"]),
            nobody.put(f"{image['self']}/tags/t", None),
            nobody.upload(image["id"], b"x"),
            nobody.post("/v2/images", {}),
        ]
        assert {reply.status for reply in refused} == {403}
        assert all("Read-only access" in reply.json["message"] for reply in refused)


# Scope ----------------------------------------------------------------------------------------------------------------


class SystemAdmin(Api):
    """Somebody whose token is for the system, not for a project."""

    def identity(self) -> dict[str, str]:
        return {
            "X-Identity-Status": "Confirmed",
            "X-User-Id": "root",
            "X-Roles": "admin",
            "OpenStack-System-Scope": "all",
        }


def test_a_token_for_the_system_is_refused_unless_scopes_are_not_enforced(
    api: Api, start_service: Callable[..., Service]
) -> None:
    image = api.create()
    refused = SystemAdmin(api.url)
    assert [refused.get("/v2/images").status, refused.get(image["self"]).status] == [403, 403]
    assert [refused.post("/v2/images", {}).status, refused.delete(image["self"]).status] == [403, 403]
    assert [refused.get(path).status for path in ("/v2/schemas/image", "/v2/info/import")] == [200, 200]

    lenient = SystemAdmin(start_service(OSLO_POLICY_ENFORCE_SCOPE="false").url)
    owned = lenient.create(owner="somebody")
    assert [image["id"] for image in lenient.list()] == [owned["id"]]
    assert lenient.delete(owned["self"]).status == 204


# More files -----------------------------------------------------------------------------------------------------------


def test_policy_directories_add_to_the_file_and_the_later_rule_counts(
    tmp_path: Path, start_service: Callable[..., Service]
) -> None:
    for name, text in {
        "policy.yaml": "add_image: 'role:one'\nupload_image: 'role:one'\ndelete_image: 'role:one'\n",
        "a/10.yaml": "upload_image: 'role:two'\ndelete_image: 'role:two'\n",
        "a/20.json": '{"delete_image": "role:three"}',
        "a/30.txt": "delete_image: '!'\n",
        "a/40.yaml~": "delete_image: '!'\n",
        "b/05.yml": "download_image: 'role:four'\n",
        "b/06.yaml": "",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    folders = f"{tmp_path / 'a'}, {tmp_path / 'b'}"
    service = start_service(
        OSLO_POLICY_POLICY_FILE=str(tmp_path / "policy.yaml"), OSLO_POLICY_POLICY_DIRS=folders
    )  # fmt: skip
    api = Api(service.url)

    def by(role: str) -> Api:
        return api.as_project(api.project, f"{role},member,reader")

    assert api.post("/v2/images", {}).status == 403
    image = by("one").create()
    assert [by(role).upload(image["id"], b"data").status for role in ("one", "two")] == [403, 204]
    assert [by(role).get(image["file"]).status for role in ("one", "four")] == [403, 200]
    assert [by(role).delete(image["self"]).status for role in ("one", "two", "three")] == [403, 403, 204]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (None, "", "cannot be read"),
        ("broken.yaml", "a: b: c", "broken.yaml is not understood"),
        ("list.yaml", "- a", "list.yaml must be a mapping"),
        ("rule.yaml", "get_image: '(role:a'", "get_image"),
    ],
)
def test_a_policy_directory_that_is_not_understood_stops_the_start(
    tmp_path: Path, name: str | None, text: str, said: str
) -> None:
    folder = tmp_path / "policy.d"
    if name:
        folder.mkdir()
        (folder / name).write_text(text)
    done = subprocess.run(
        command("server", "run", "all", "--bind", "127.0.0.1:0", "--data-dir", str(tmp_path / "data")),
        env=environment({"GLANCELITE_OSLO_POLICY_POLICY_DIRS": str(folder)}),
        capture_output=True,
        text=True,
        timeout=15,
        check=False,
    )
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_rule_may_ask_for_a_property_of_the_image(tmp_path: Path, start_service: Callable[..., Service]) -> None:
    (tmp_path / "policy.yaml").write_text(
        "restricted: \"'secret':%(x_level)s and not role:cleared\"\n"
        "download_image: 'role:member and not rule:restricted'\n"
    )
    api = Api(start_service(OSLO_POLICY_POLICY_FILE=str(tmp_path / "policy.yaml")).url)
    cleared = api.as_project(api.project, "member,reader,cleared")
    secret, plain = api.create_with(b"data", x_level="secret"), api.create_with(b"data", x_level="none")
    assert [api.get(image["file"]).status for image in (secret, plain)] == [403, 200]
    assert [cleared.get(image["file"]).status for image in (secret, plain)] == [200, 200]


# Who asks -------------------------------------------------------------------------------------------------------------


class Served(Api):
    """Somebody with a service's token beside their own."""

    def identity(self) -> dict[str, str]:
        return super().identity() | {"X-Service-Roles": "admin,service,member,reader"}


def test_roles_of_a_service_beside_the_caller_do_not_count_in_rules(api: Api) -> None:
    image = api.create_with(b"data", visibility="community")
    served = Served(api.url, api.project, "reader")
    assert served.get(image["self"]).status == 200
    assert served.get(image["file"]).status == 403
    assert served.post("/v2/images", {}).status == 403
    assert served.patch(image["id"], [replace("visibility", "public")]).status == 403
    assert Served(api.url, api.project, "").get(image["self"]).status == 404
    hidden = api.create(visibility="private")
    assert Served(api.url, roles="member,reader").get(hidden["self"]).status == 404


@pytest.mark.parametrize(
    ("roles", "listed", "shown", "created", "downloaded"),
    [
        ("", 403, 404, 403, 404),
        ("member", 403, 404, 201, 404),
        ("reader", 200, 200, 403, 403),
        ("member,reader", 200, 200, 201, 200),
        ("MEMBER, Reader", 200, 200, 201, 200),
        ("service", 403, 404, 403, 404),
        ("admin", 200, 200, 201, 200),
        ("administrator,members,readers", 403, 404, 403, 404),
    ],
)
def test_no_role_implies_another(api: Api, roles: str, listed: int, shown: int, created: int, downloaded: int) -> None:
    image = api.create_with(b"data")
    caller = api.as_project(api.project, roles)
    answers = [caller.get(path).status for path in ("/v2/images", image["self"], image["file"])]
    assert (*answers, caller.post("/v2/images", {}).status) == (listed, shown, downloaded, created)


def test_the_older_name_of_the_project_header_names_the_owner(api: Api) -> None:
    headers = {"X-Tenant-Id": "an-old-project", "X-Identity-Status": "Confirmed", "X-Roles": "member,reader"}
    caller = api.as_nobody()
    caller.identity = lambda: headers  # type: ignore[method-assign]
    assert caller.create()["owner"] == "an-old-project"


def test_an_administrator_by_rule_is_bound_by_property_protections_as_their_roles_are(
    tmp_path: Path, start_service: Callable[..., Service]
) -> None:
    (tmp_path / "policy.yaml").write_text("context_is_admin: 'role:root'\n")
    everybody = "".join(f"{verb} = @\n" for verb in ("create", "read", "update", "delete"))
    guarded = "".join(f"{verb} = admin\n" for verb in ("create", "read", "update", "delete"))
    (tmp_path / "protections.conf").write_text(f"[^x_guarded$]\n{guarded}[.*]\n{everybody}")
    service = start_service(
        OSLO_POLICY_POLICY_FILE=str(tmp_path / "policy.yaml"),
        PROPERTY_PROTECTION_FILE=str(tmp_path / "protections.conf"),
    )
    root = Api(service.url, roles="root")
    assert root.create(visibility="public", free="1")["free"] == "1"
    assert root.post("/v2/images", {"x_guarded": "1"}).status == 403
    assert Api(service.url, roles="member,reader,admin").create(x_guarded="1")["x_guarded"] == "1"


def test_roles_of_a_service_beside_the_caller_count_in_property_protections(
    tmp_path: Path, start_service: Callable[..., Service]
) -> None:
    verbs = ("create", "read", "update", "delete")
    texts = [
        f"[{name}]\n" + "".join(f"{verb} = {who}\n" for verb in verbs) for name, who in (("^x_", "nova"), (".*", "@"))
    ]
    (tmp_path / "protections.conf").write_text("".join(texts))
    member = Api(start_service(PROPERTY_PROTECTION_FILE=str(tmp_path / "protections.conf")).url)
    by_nova = {"X-Service-Roles": "Nova,service"}

    def patch(*operations: dict[str, object], **headers: str) -> int:
        path, sent = f"/v2/images/{image_id}", {"Content-Type": PATCH_21} | headers
        return member.request("PATCH", path, list(operations), sent).status

    assert member.post("/v2/images", {"x_a": "1"}).json["message"] == "Attribute 'x_a' is reserved."
    made = member.request("POST", "/v2/images", {"x_a": "1"}, by_nova)
    image_id = made.json["id"]
    assert (made.status, made.json["x_a"], "x_a" in member.show(image_id)) == (201, "1", False)
    assert (patch(replace("x_a", "2")), patch(replace("x_a", "2"), **by_nova)) == (409, 200)
    remove: dict[str, object] = {"op": "remove", "path": "/x_a"}
    assert (patch(remove), patch(remove, **by_nova)) == (409, 200)
    invalid = by_nova | {"X-Service-Identity-Status": "Invalid"}
    assert member.request("POST", "/v2/images", {"x_a": "1"}, invalid).status == 403
