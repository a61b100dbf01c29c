"""A policy file that replaces rules by name, and one that cannot be used."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import Api, Service, command, environment, make_service, running

RULES = {
    "publicize_image": "role:publisher",
    "communitize_image": "!",
    "add_image": "rule:context_is_admin or role:creator",
    "delete_image": "role:admin or (role:member and user_id:janitor)",
    "download_image": "role:downloader and not role:banned",
    "get_images": "@",
    "add_member": "project_id:%(owner)s and role:sharer",
    "deactivate": "is_admin:True",
    "upload_image": "rule:add_image",
    "context_is_admin": "role:root",
}


@pytest.fixture(scope="module", params=["together", "apart"])
def ruled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "policy.yaml").write_text(json.dumps(RULES))
    options = {"OSLO_POLICY_POLICY_FILE": str(folder / "policy.yaml")}
    with running(make_service(folder / "data", request.param, **options)) as service:
        yield service


@pytest.fixture
def caller(ruled: Service) -> Callable[..., Api]:
    """Makes callers of one project, each with roles of its own."""
    project = Api(ruled.url).project
    return lambda roles="member,reader", user="someone": Api(ruled.url, project, roles, user)


def test_a_rule_of_the_file_counts_instead_of_the_default(caller: Callable[..., Api]) -> None:
    assert caller().post("/v2/images", {}).status == 403
    image_id = caller("creator,member,reader").create()["id"]
    assert caller().upload(image_id, b"data").status == 403
    assert caller("creator,reader").upload(image_id, b"data").status == 204


def test_a_rule_that_the_file_does_not_name_stays(caller: Callable[..., Api]) -> None:
    image_id = caller("creator,member,reader").create()["id"]
    assert caller("reader").patch(image_id, []).status == 403
    assert caller().patch(image_id, []).status == 200


def test_visibilities_have_rules_of_their_own(caller: Callable[..., Api]) -> None:
    image_id = caller("creator,member,reader").create()["id"]

    def turn(api: Api, visibility: str) -> int:
        return api.patch(image_id, [{"op": "replace", "path": "/visibility", "value": visibility}]).status

    assert (turn(caller(), "public"), turn(caller("publisher,member,reader"), "public")) == (403, 200)
    assert turn(caller("root,member,reader"), "community") == 403
    assert turn(caller(), "private") == 200


def test_rules_join_checks_by_and_or_and_not(caller: Callable[..., Api]) -> None:
    image_id = caller("creator,member,reader").create()["id"]
    assert caller("creator,reader").upload(image_id, b"data").status == 204
    path = f"/v2/images/{image_id}/file"
    assert caller("member,reader").get(path).status == 403
    assert caller("downloader,reader").get(path).status == 200
    assert caller("downloader,banned,reader").get(path).status == 403


def test_a_rule_may_ask_for_a_user(caller: Callable[..., Api]) -> None:
    path = f"/v2/images/{caller('creator,member,reader').create()['id']}"
    assert caller(user="somebody").delete(path).status == 403
    assert caller(user="janitor").delete(path).status == 204


def test_a_rule_may_ask_for_the_owner(caller: Callable[..., Api]) -> None:
    image_id = caller("creator,member,reader").create()["id"]
    path = f"/v2/images/{image_id}/members"
    assert caller().post(path, {"member": "m"}).status == 403
    assert caller("sharer,reader").post(path, {"member": "m"}).status == 200


def test_who_is_an_administrator_is_a_rule_too(caller: Callable[..., Api], ruled: Service) -> None:
    image_id = caller("creator,member,reader").create(visibility="private")["id"]
    assert Api(ruled.url, roles="admin,member,reader").get(f"/v2/images/{image_id}").status == 404
    assert Api(ruled.url, roles="root").get(f"/v2/images/{image_id}").status == 200
    path = f"/v2/images/{image_id}/actions/deactivate"
    assert caller().post(path, None).status == 403
    assert caller("root").post(path, None).status == 403  # allowed, but there is no data: the status forbids it
    assert "status" in caller("root").post(path, None).json["message"]


def test_a_list_is_open_where_its_rule_allows_everything(caller: Callable[..., Api]) -> None:
    assert caller("").get("/v2/images").status == 200


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("get_image: 'role:a and'", "get_image"),
        ("get_image: '(role:a'", "get_image"),
        ("get_image: 'role:a role:b'", "get_image"),
        ("get_image: 'rule:no_such_rule'", "no_such_rule"),
        ("get_image: [1]", "mapping"),
        ("- get_image", "mapping"),
        ("a: b: c", "not understood"),
        ("get_image: 7", "mapping"),
    ],
)
def test_a_policy_file_that_is_not_understood_stops_the_start(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "policy.yaml").write_text(text)
    done = start(tmp_path, GLANCELITE_OSLO_POLICY_POLICY_FILE=str(tmp_path / "policy.yaml"))
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_policy_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    done = start(tmp_path, GLANCELITE_OSLO_POLICY_POLICY_FILE=str(tmp_path / "none.yaml"))
    assert (done.returncode != 0, "none.yaml" in done.stderr) == (True, True)


def test_rules_that_refer_to_each_other_stop_the_start(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("get_image: 'rule:get_images'\nget_images: 'rule:get_image'\n")
    done = start(tmp_path, GLANCELITE_OSLO_POLICY_POLICY_FILE=str(tmp_path / "policy.yaml"))
    assert (done.returncode != 0, "Traceback" in done.stderr) == (True, False)


def start(tmp_path: Path, **options: str) -> "subprocess.CompletedProcess[str]":
    words = command("server", "run", "all", "--bind", "127.0.0.1:0", "--data-dir", str(tmp_path / "data"))
    return subprocess.run(words, env=environment(options), capture_output=True, text=True, timeout=15, check=False)
