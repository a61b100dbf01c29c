"""Our command line, and `openstack` beside it, logging in at a real Keystone and finding the service in its catalog."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from clients.cloud import client
from harness import command, free_port
from loaded import Done, Run, peers, run_alone

from .conftest import PASSWORD, Cast

PEER = "python-openstackclient==10.5.0"


def runner(program: Run, home: Path) -> Run:
    """Runs a command that knows nothing but what its variables say."""

    def run(*words: object, **variables: str) -> Done:
        env = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        return program(list(map(str, words)), {**env, **variables}, home)

    return run


def alone(*line: str | Path) -> Run:
    """Runs a program, whatever words follow these, in a process of its own."""
    return lambda words, env, home: run_alone([*line, *words], env, home, None)


@pytest.fixture
def glancelite(tmp_path) -> Run:
    return runner(alone(*command()), tmp_path)


@pytest.fixture(scope="session")
def program() -> Iterator[Run | None]:
    with peers() as find:
        yield find(client("openstack", PEER) / "openstack")


@pytest.fixture
def openstack(program, tmp_path) -> Run:
    return runner(program, tmp_path)


def password(cast: Cast, name: str = "member", project: str = "home", **more: str) -> dict[str, str]:
    """Variables for a login by password."""
    domains = {"OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_NAME": "Default", "OS_IDENTITY_API_VERSION": "3"}
    who = {"OS_AUTH_URL": cast.keystone.url, "OS_USERNAME": name, "OS_PASSWORD": PASSWORD, "OS_PROJECT_NAME": project}
    return domains | who | more


@pytest.fixture
def credential(cast, keystone, name):
    """An application credential of `member`, by id, name and secret."""
    user = keystone.find("user", "member")
    wish = {"application_credential": {"name": name}}
    path = f"/users/{user}/application_credentials"
    return keystone.call("POST", path, wish, token=cast.token("member"))["application_credential"]


@pytest.fixture
def disk(tmp_path) -> Path:
    file = tmp_path / "disk.img"
    file.write_bytes(os.urandom(100_000))
    return file


def test_by_password_the_whole_job_is_done_through_the_catalog(glancelite, cast, name, disk, tmp_path):
    who = password(cast)

    made = glancelite("image", "create", name, "--file", disk, "-f", "json", **who)
    assert made.code == 0, made.err
    assert name in glancelite("image", "list", "-f", "value", "-c", "Name", **who).out.splitlines()
    assert glancelite("image", "set", name, "--tag", "new", **who).code == 0
    shown = glancelite("image", "show", name, "-f", "json", **who).json
    assert (shown["status"], shown["tags"], shown["size"]) == ("active", ["new"], 100_000)
    assert glancelite("image", "save", name, "--file", "copy.img", **who).code == 0
    assert (tmp_path / "copy.img").read_bytes() == disk.read_bytes()
    assert glancelite("image", "delete", name, **who).code == 0


def test_a_domain_that_nobody_names_is_the_default_one(glancelite, cast):
    bare = {key: value for key, value in password(cast).items() if "DOMAIN" not in key}

    done = glancelite("image", "list", **bare)

    assert done.code == 0, done.err


def test_ids_serve_as_well_as_names(glancelite, cast, keystone):
    who = {"OS_AUTH_URL": keystone.url, "OS_PASSWORD": PASSWORD}
    ids = {"OS_USER_ID": keystone.find("user", "member"), "OS_PROJECT_ID": keystone.find("project", "home")}

    done = glancelite("image", "list", **who, **ids)

    assert done.code == 0, done.err


@pytest.mark.parametrize("ending", ["", "/"])
@pytest.mark.parametrize("version", ["", "/v3"])
def test_keystones_url_may_leave_the_version_out(glancelite, cast, keystone, version, ending):
    url = keystone.url.removesuffix("/v3") + version + ending

    done = glancelite("image", "list", **password(cast, OS_AUTH_URL=url))

    assert done.code == 0, done.err


@pytest.mark.parametrize("kind", ["token", "v3token", ""])
def test_by_token_through_the_catalog(glancelite, cast, kind):
    image = cast.member.create()
    who = {"OS_AUTH_URL": cast.keystone.url, "OS_TOKEN": cast.token("member"), "OS_PROJECT_NAME": "home"}
    type_ = {"OS_AUTH_TYPE": kind} if kind else {}

    done = glancelite("image", "show", image["id"], "-f", "value", "-c", "id", **who, **type_)

    assert (done.code, done.out.strip()) == (0, image["id"]), done.err


def test_by_token_at_an_endpoint_that_is_named_keystone_is_not_asked(glancelite, cast):
    nowhere = f"http://127.0.0.1:{free_port()}/v3"

    done = glancelite(
        "image", "list", OS_AUTH_TYPE="token", OS_TOKEN=cast.token("member"), OS_ENDPOINT=cast.url, OS_AUTH_URL=nowhere
    )

    assert done.code == 0, done.err


def test_by_application_credential_of_this_id(glancelite, cast, credential, name):
    who = {
        "OS_AUTH_URL": cast.keystone.url, "OS_APPLICATION_CREDENTIAL_ID": credential["id"],
        "OS_APPLICATION_CREDENTIAL_SECRET": credential["secret"],
    }  # fmt: skip

    assert glancelite("image", "create", name, **who).code == 0
    assert glancelite("image", "create", name, **who, OS_AUTH_TYPE="v3applicationcredential").code == 0


def test_by_application_credential_of_this_name(glancelite, cast, credential, name):
    who = {
        "OS_AUTH_URL": cast.keystone.url, "OS_APPLICATION_CREDENTIAL_NAME": credential["name"],
        "OS_APPLICATION_CREDENTIAL_SECRET": credential["secret"], "OS_USERNAME": "member",
        "OS_USER_DOMAIN_NAME": "Default",
    }  # fmt: skip

    done = glancelite("image", "create", name, **who)
    without_domain = glancelite("image", "create", name, **{k: v for k, v in who.items() if "DOMAIN" not in k})

    assert (done.code, without_domain.code) == (0, 0), done.err + without_domain.err


def test_a_cloud_of_clouds_yaml_of_each_kind(glancelite, cast, keystone, credential, tmp_path):
    url, domains = keystone.url, {"user_domain_name": "Default", "project_domain_name": "Default"}
    clouds = {
        "password": {"auth": {"auth_url": url, "username": "member", "project_name": "home", **domains}},
        "token": {"auth_type": "v3token", "auth": {"auth_url": url, "token": cast.token("member"),
                                                   "project_name": "home", "project_domain_id": "default"}},
        "credential": {"auth_type": "v3applicationcredential",
                       "auth": {"auth_url": url, "application_credential_id": credential["id"],
                                "application_credential_secret": credential["secret"]}},
    }  # fmt: skip
    (tmp_path / "clouds.yaml").write_text(json.dumps({"clouds": clouds}))
    secret = {"clouds": {"password": {"auth": {"password": PASSWORD}}}}
    (tmp_path / "secure.yaml").write_text(json.dumps(secret))

    for cloud in clouds:
        done = glancelite("--os-cloud", cloud, "image", "list")
        assert (cloud, done.code, done.err) == (cloud, 0, "")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"OS_PASSWORD": "wrong"}, "did not log you in"),
        ({"OS_REGION_NAME": "Atlantis"}, "catalog names no image service to use"),
        ({"OS_INTERFACE": "internal"}, "catalog names no image service to use"),
        ({"OS_PROJECT_NAME": "abroad"}, "did not log you in"),
        ({"OS_AUTH_URL": f"http://127.0.0.1:{free_port()}/v3"}, "cannot be reached"),
        ({"OS_AUTH_URL": "not a url"}, "is not an http:// or https:// URL"),
    ],
)
def test_a_login_that_fails_is_one_line(glancelite, cast, wrong, sentence):
    done = glancelite("image", "list", **password(cast, **wrong))

    assert done.code in (1, 2)
    assert sentence in done.err
    assert len([line for line in done.err.splitlines() if line.startswith("Error")]) == 1
    assert "Traceback" not in done.err


def test_a_catalogs_endpoint_that_names_the_version_serves_too(glancelite, cast, endpoint):
    endpoint(f"{cast.url}/v2/")
    try:
        assert glancelite("image", "list", **password(cast)).code == 0
    finally:
        endpoint(cast.url)


# The matrix again, through `openstack` --------------------------------------------------------------------------------


def test_openstack_does_the_whole_job_as_a_member_and_shares(openstack, cast, keystone, name, disk, tmp_path):
    owner, partner = password(cast, "owner"), password(cast, "foreign", "abroad")
    abroad = keystone.find("project", "abroad")

    made = openstack("image", "create", name, "--file", disk, "--shared", "-f", "json", **owner)
    assert made.code == 0, made.err
    image = made.json["id"]
    assert made.json["owner"] == keystone.find("project", "home")
    assert name in openstack("image", "list", "-f", "value", "-c", "Name", **owner).out.splitlines()
    assert openstack("image", "set", image, "--property", "colour=red", "--tag", "t", **owner).code == 0

    assert openstack("image", "show", image, **partner).code == 1
    assert openstack("image", "add", "project", image, abroad, **owner).code == 0
    assert image not in openstack("image", "list", "-f", "value", **partner).out
    assert openstack("image", "set", "--accept", image, **partner).code == 0
    assert image in openstack("image", "list", "-f", "value", **partner).out
    assert openstack("image", "save", image, "--file", "copy.img", **partner).code == 0
    assert (tmp_path / "copy.img").read_bytes() == disk.read_bytes()
    members = openstack("image", "member", "list", image, "-f", "json", **owner).json
    assert [(one["Member ID"], one["Status"]) for one in members] == [(abroad, "accepted")]
    assert openstack("image", "delete", image, **partner).code == 1
    assert openstack("image", "remove", "project", image, abroad, **owner).code == 0
    assert openstack("image", "delete", image, **owner).code == 0
    assert openstack("image", "show", image, **owner).code == 1


def test_openstack_tells_a_reader_what_readers_may_not(openstack, cast, name):
    image, who = cast.owner.create_with(b"data", name=name)["id"], password(cast, "reader")

    assert openstack("image", "show", image, "-f", "value", "-c", "name", **who).out.strip() == name
    assert name in openstack("image", "list", "-f", "value", "-c", "Name", **who).out.splitlines()
    for words in (
        ("create", "other"),
        ("set", image, "--property", "colour=red"),
        ("set", image, "--tag", "t"),
        ("delete", image),
    ):
        done = openstack("image", *words, **who)
        assert (words, done.code) == (words, 1)
        assert "403" in done.err or "not authorized" in done.err, done.err
    assert openstack("image", "save", image, "--file", "copy.img", **who).code == 1
    openstack("image", "set", image, "--deactivate", **who)  # which of a refusal makes no more than a line
    assert cast.owner.show(image)["status"] == "active"


def test_openstack_lets_an_administrator_do_what_only_they_may(openstack, cast, name):
    image, who = cast.owner.create_with(b"data", name=name)["id"], password(cast, "admin")

    assert openstack("image", "set", image, "--public", **password(cast, "owner")).code == 1
    assert openstack("image", "set", image, "--public", **who).code == 0
    assert openstack("image", "show", image, **password(cast, "foreign", "abroad")).code == 0
    assert openstack("image", "delete", image, **who).code == 0
    stores = openstack("image", "stores", "list", "--detail", "-f", "json", **who)
    assert (stores.code, len(stores.json)) == (0, 2), stores.err
    assert openstack("image", "stores", "list", "--detail", **password(cast, "owner")).code == 1


def test_openstack_tells_the_system_and_a_service_that_they_have_no_images(openstack, cast):
    system = {key: value for key, value in password(cast, "overseer").items() if "PROJECT" not in key}

    done = openstack("image", "list", **system, OS_SYSTEM_SCOPE="all")

    assert done.code == 1
    assert "403" in done.err or "has no images" in done.err
    assert openstack("image", "list", **password(cast, "service", "service")).code == 1
