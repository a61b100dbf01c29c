"""`glancelite policy` tells which rule decides, with and without a policy file."""

import json
from pathlib import Path
from typing import Any

import pytest
from operating import run


def check(*args: str, **env: str) -> tuple[int, Any]:
    done = run("policy", "check", "-f", "json", *args, **env)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


@pytest.fixture
def file(tmp_path: Path) -> dict[str, str]:
    """Where a policy file is named: members may not upload, anybody may publish."""
    path = tmp_path / "policy.yaml"
    path.write_text('upload_image: "role:uploader"\npublicize_image: "@"\n"site_rule": "role:site"\n')
    return {"GLANCELITE_OSLO_POLICY_POLICY_FILE": str(path)}


def test_every_rule_is_listed_with_its_default_and_what_a_file_makes_of_it(file: dict[str, str]) -> None:
    from glancelite.domain.rules import RULES

    rules = {row["Rule"]: row for row in json.loads(run("policy", "list", "-f", "json", **file).stdout)}
    assert rules.keys() == {rule.name for rule in RULES} | {"site_rule"}
    path = file["GLANCELITE_OSLO_POLICY_POLICY_FILE"]
    upload = rules["upload_image"]
    assert (upload["In Force"], upload["From"]) == ("role:uploader", path)
    assert "role:member" in upload["Default"]
    assert (rules["delete_image"]["From"], rules["site_rule"]["Default"]) == ("default", None)


def test_the_owner_s_member_may_and_others_may_not() -> None:
    assert check("--role", "member", "--action", "modify_image")[0] == 0
    code, said = check("--role", "reader", "--action", "modify_image")
    assert (code, said["allowed"], said["rule"], said["answer"]) == (1, False, "modify_image", "403")
    assert said["checks"] == {
        "rule:context_is_admin": False, "role:member": False, "project_id:%(owner)s": True,
    }  # fmt: skip
    code, said = check("--role", "member", "--role", "reader", "--action", "modify_image", "--owner", "other",
                       "--visibility", "private")  # fmt: skip
    assert (code, said["answer"]) == (1, "404, for get_image refuses too")
    assert check("--role", "Admin", "--action", "modify_image", "--owner", "other")[0] == 0


def test_an_operation_of_the_api_is_asked_for_by_its_rule() -> None:
    _, said = check("--role", "member", "--action", "add_tag")
    assert (said["action"], said["rule"]) == ("add_tag", "modify_image")
    assert check("--role", "member", "--action", "create_image")[1]["rule"] == "add_image"


def test_a_policy_file_decides(file: dict[str, str]) -> None:
    code, said = check("--role", "member", "--role", "reader", "--action", "upload_image", **file)
    assert (code, said["says"], said["checks"]) == (1, "role:uploader", {"role:uploader": False})
    assert check("--role", "reader", "--action", "publicize_image", **file)[0] == 0


def test_an_unknown_action_is_answered_with_the_nearest() -> None:
    done = run("policy", "check", "--role", "member", "--action", "uplaod_image")
    assert (done.returncode, "Did you mean upload_image?" in done.stderr) == (2, True)
