"""The unmodified `openstack` command: the owner by HTTP Basic, the partner by a token."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from clients.cloud import PASSWORD, PROJECTS, Cloud, Disk, Run, client

PARTNER = PROJECTS["partner"]


@pytest.fixture(scope="session")
def program() -> Path:
    return client("openstack", "python-openstackclient==10.5.0") / "openstack"


@pytest.fixture
def openstack(program: Path, run: Run, cloud: Cloud, tmp_path: Path) -> Callable[..., Any]:
    """Runs `openstack` as one of the two and gives its JSON, or its text for what has none."""
    override = f"image_endpoint_override: '{cloud.url}', identity_endpoint_override: '{cloud.identity_url}'"
    login = {
        "owner": f"http_basic, auth: {{username: owner, password: {PASSWORD}, endpoint: '{cloud.url}'}}",
        "partner": f"admin_token, auth: {{token: {cloud.partner.token}, endpoint: '{cloud.url}'}}",
    }
    lines = [f"  {name}: {{auth_type: {auth}, {override}, identity_api_version: 3}}" for name, auth in login.items()]
    (tmp_path / "clouds.yaml").write_text("\n".join(["clouds:", *lines, ""]))

    def ask(who: str, *words: object, fails: bool = False) -> Any:
        form = ["-f", "json"] if words[0] in ("create", "show", "list", "add", "member") else []
        out = run(program, "--os-cloud", who, "image", *words, *form, fails=fails)
        return json.loads(out) if form and not fails else out

    return ask


def test_openstack_does_the_whole_job(openstack: Callable[..., Any], name: str, disk: Disk, tmp_path: Path) -> None:
    made = openstack("owner", "create", name, "--file", disk.path, "--disk-format", "raw", "--shared")
    assert (made["name"], made["disk_format"], made["visibility"]) == (name, "raw", "shared")
    shown = openstack("owner", "show", name)
    assert (shown["status"], shown["checksum"], shown["size"]) == ("active", disk.md5, disk.size)
    assert shown["properties"]["os_hash_value"] == disk.sha512

    # found by each filter, by nobody else, and not by a filter that does not fit
    filters = (["--name", name], ["--status", "active", "--shared"], ["--tag", "t1", "--property", "os_distro=debian"])
    openstack("owner", "set", name, "--tag", "t1", "--property", "os_distro=debian", "--min-ram", "64")
    for words in filters:
        assert made["id"] in [image["ID"] for image in openstack("owner", "list", *words)]
    assert made["id"] not in [image["ID"] for image in openstack("owner", "list", "--status", "queued")]
    assert openstack("owner", "list", "--name", name, "--sort", "size:asc", "--limit", "1")[0]["ID"] == made["id"]
    assert openstack("partner", "list", "--name", name) == []

    # update
    shown = openstack("owner", "show", name)
    assert (shown["min_ram"], shown["tags"], shown["properties"]["os_distro"]) == (64, ["t1"], "debian")
    openstack("owner", "unset", name, "--property", "os_distro", "--tag", "t1")
    shown = openstack("owner", "show", name)
    assert (shown["tags"], "os_distro" in shown["properties"]) == ([], False)


def test_openstack_shares_saves_and_deletes(
    openstack: Callable[..., Any], name: str, disk: Disk, tmp_path: Path
) -> None:
    image_id = openstack("owner", "create", name, "--file", disk.path, "--shared")["id"]
    openstack("partner", "show", image_id, fails=True)

    openstack("owner", "add", "project", image_id, PARTNER)
    assert openstack("owner", "member", "list", image_id)[0]["Status"] == "pending"
    assert openstack("partner", "list") == []
    openstack("partner", "set", "--accept", image_id, "--project", PARTNER)
    assert [image["ID"] for image in openstack("partner", "list")] == [image_id]
    openstack("partner", "save", image_id, "--file", tmp_path / "copy.raw")
    assert (tmp_path / "copy.raw").read_bytes() == disk.path.read_bytes()
    openstack("partner", "delete", image_id, fails=True)

    openstack("owner", "remove", "project", image_id, PARTNER)
    openstack("partner", "show", image_id, fails=True)
    openstack("owner", "set", image_id, "--deactivate")
    openstack("owner", "save", image_id, "--file", tmp_path / "blocked.raw", fails=True)
    openstack("owner", "set", image_id, "--activate")
    openstack("owner", "save", image_id, "--file", tmp_path / "again.raw")
    assert (tmp_path / "again.raw").read_bytes() == disk.path.read_bytes()
    openstack("owner", "delete", image_id)
    openstack("owner", "show", image_id, fails=True)


def test_what_the_service_prints_for_clouds_yaml_works_as_it_is(
    program: Path, run: Run, cloud: Cloud, name: str, tmp_path: Path
) -> None:
    printed = cloud.log.read_text().partition("For clouds.yaml:\n")[2].splitlines()[0]
    (tmp_path / "clouds.yaml").write_text(printed.replace("USER", "owner").replace("PASSWORD", PASSWORD))
    image_id = cloud.owner.create(name=name)["id"]
    assert image_id in run(program, "--os-cloud", "glancelite", "image", "list", "--name", name)
    run(program, "--os-cloud", "glancelite", "image", "delete", image_id)
