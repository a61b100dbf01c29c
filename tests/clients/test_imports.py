"""Imports by the unmodified clients: every method, into several stores of which one cannot be used, and into one."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from clients.cloud import HERE, PASSWORD, PROJECTS, Caller, Cloud, Disk, Run, client, enlist
from fakes.remote import Remote, answer
from harness import command, environment, make_service, running
from importing import ended_task, reaching, spoiled, tasks_of

STORES = {"ENABLED_BACKENDS": "fast:file,cheap:file,broken:file", "GLANCE_STORE_DEFAULT_BACKEND": "fast"}
FORMATS = ("--disk-format", "raw", "--container-format", "bare")
METHODS = ["glance-direct", "web-download", "copy-image"]


@pytest.fixture(scope="module")
def web() -> Iterator[Remote]:
    remote = Remote()
    yield remote
    remote.close()


def _enlist_admin(data_dir: Path) -> str:
    import subprocess

    words = ("user", "add", "boss", "--password", PASSWORD, "--project", PROJECTS["owner"], "--role", "admin")
    place = ("--data-dir", str(data_dir))
    more = ("--role", "member", "--role", "reader")
    subprocess.run(command(*words, *more, *place), env=environment(), timeout=60, check=True)
    done = subprocess.run(
        command("token", "issue", "boss", *place), env=environment(), capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture(scope="module", params=["several stores", "one store"])
def world(
    request: pytest.FixtureRequest, web: Remote, tmp_path_factory: pytest.TempPathFactory, identity_url: str
) -> Iterator[tuple[Cloud, Caller]]:
    """A cloud with its owner and partner, and an administrator in the owner's project."""
    data_dir = tmp_path_factory.mktemp("importing") / "data"
    is_multi = request.param == "several stores"
    service = make_service(data_dir, auth="file", **reaching(web), **(STORES if is_multi else {}))
    tokens = {name: enlist(data_dir, name, project) for name, project in PROJECTS.items()}
    boss = _enlist_admin(data_dir)
    with running(service):
        owner, partner = (Caller(service.url, PROJECTS[name], tokens[name]) for name in ("owner", "partner"))
        cloud = Cloud(service.url, owner, partner, identity_url, service.api.log)
        admin = Caller(service.url, PROJECTS["owner"], boss)
        if not is_multi:
            yield cloud, admin
            return
        with spoiled(service, "broken"):
            yield cloud, admin


@pytest.fixture
def cloud(world: tuple[Cloud, Caller]) -> Cloud:
    return world[0]


@pytest.fixture
def admin(world: tuple[Cloud, Caller]) -> Caller:
    return world[1]


@pytest.fixture
def is_multi(request: pytest.FixtureRequest) -> bool:
    return "several" in request.node.callspec.params["world"]


@pytest.fixture
def uri(web: Remote, disk: Disk) -> str:
    web.pages["/disk"] = answer(disk.path.read_bytes())
    return web.url("/disk")


@pytest.fixture
def openstack(run: Run, cloud: Cloud, admin: Caller, tmp_path: Path) -> Callable[..., Any]:
    """Runs `openstack image` as the owner or as the administrator; its JSON, or its text for what has none."""
    program = client("openstack", "python-openstackclient==10.5.0") / "openstack"
    override = f"image_endpoint_override: '{cloud.url}', identity_endpoint_override: '{cloud.identity_url}'"
    lines = [
        f"  {name}: {{auth_type: admin_token, auth: {{token: {caller.token}, endpoint: '{cloud.url}'}}, {override}, "
        "identity_api_version: 3}"
        for name, caller in (("owner", cloud.owner), ("admin", admin))
    ]
    (tmp_path / "clouds.yaml").write_text("\n".join(["clouds:", *lines, ""]))

    def ask(who: str, *words: object, fails: bool = False) -> Any:
        out = run(program, "--os-cloud", who, "image", *words, fails=fails)
        return json.loads(out) if "json" in words and not fails else out

    return ask


@pytest.fixture
def glance(run: Run, cloud: Cloud) -> Callable[..., str]:
    """Runs `glance` as a caller; what it printed."""
    program = client("glanceclient", "python-glanceclient==4.13.0") / "glance"

    def ask(caller: Caller, *words: object, fails: bool = False) -> str:
        login = ("--os-auth-token", caller.token, "--os-image-url", cloud.url)
        return run(program, *login, *words, fails=fails)

    return ask


def assert_imported(caller: Caller, image_id: str, disk: Disk, stores: str, failed: str = "") -> None:
    task = ended_task(caller, image_id)
    assert task["status"] == "success", task
    image = caller.show(image_id)
    assert (image["status"], image["os_hash_value"]) == ("active", disk.sha512)
    assert (image.get("stores", ""), image["os_glance_failed_import"]) == (stores, failed)
    assert caller.get(image["file"]).body == disk.path.read_bytes()


def assert_failed(caller: Caller, image_id: str, status: str, failed: str) -> None:
    task = ended_task(caller, image_id)
    assert task["status"] == "failure", task
    image = caller.show(image_id)
    assert (image["status"], image["os_glance_failed_import"]) == (status, failed)


# openstack ------------------------------------------------------------------------------------------------------------


def test_openstack_says_how_images_are_imported(openstack: Callable[..., Any], is_multi: bool) -> None:
    info = openstack("owner", "import", "info", "-f", "json")
    assert all(method in json.dumps(info) for method in METHODS)
    if is_multi:
        stores = openstack("owner", "stores", "list", "-f", "json")
        assert {store["ID"]: store["Default"] for store in stores}.keys() == {"fast", "cheap", "broken"}


def test_openstack_creates_by_import(
    openstack: Callable[..., Any], cloud: Cloud, is_multi: bool, name: str, disk: Disk
) -> None:
    made = openstack("owner", "create", name, "--import", "--file", disk.path, *FORMATS, "-f", "json")
    assert_imported(cloud.owner, made["id"], disk, "fast" if is_multi else "")


@pytest.mark.parametrize("method", METHODS)
def test_openstack_imports_into_two_stores(
    openstack: Callable[..., Any], cloud: Cloud, admin: Caller, is_multi: bool, name: str, disk: Disk, uri: str,
    method: str,
) -> None:  # fmt: skip
    owner = cloud.owner
    image_id = owner.create(name=name)["id"]
    how: tuple[object, ...] = ("--method", method, "-f", "json")
    if method == "glance-direct":
        openstack("owner", "stage", image_id, "--file", disk.path)
        assert owner.show(image_id)["status"] == "uploading"
    elif method == "web-download":
        how = (*how, "--uri", uri)
    else:
        assert owner.upload(image_id, disk.path.read_bytes()).status == 204
    if not is_multi:
        if method == "copy-image":
            openstack("admin", "import", image_id, "--method", method, "--all-stores")
            assert tasks_of(owner, image_id) == []  # there is nowhere to copy to
            return
        openstack("owner", "import", image_id, *how, "--disallow-failure")
        assert_imported(owner, image_id, disk, "")
        return
    which = ("cheap",) if method == "copy-image" else ("cheap", "fast")
    openstack("admin", "import", image_id, *how, "--disallow-failure", "--store", *which)
    assert_imported(owner, image_id, disk, "cheap,fast")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("choice", ["--allow-failure", "--disallow-failure"])
def test_openstack_imports_where_a_store_fails(
    openstack: Callable[..., Any], cloud: Cloud, is_multi: bool, name: str, disk: Disk, uri: str, method: str,
    choice: str,
) -> None:  # fmt: skip
    if not is_multi:
        return
    owner = cloud.owner
    image_id = owner.create(name=name)["id"]
    how: tuple[object, ...] = ("--method", method, "-f", "json", choice, "--all-stores")
    if method == "glance-direct":
        openstack("owner", "stage", image_id, "--file", disk.path)
    elif method == "web-download":
        how = (*how, "--uri", uri)
    else:
        assert owner.upload(image_id, disk.path.read_bytes()).status == 204
    openstack("admin", "import", image_id, *how)
    if choice == "--allow-failure":
        assert_imported(owner, image_id, disk, "cheap,fast", "broken")
    else:
        after = {"glance-direct": "uploading", "web-download": "queued", "copy-image": "active"}[method]
        assert_failed(owner, image_id, after, "broken")


def test_openstack_lists_and_shows_tasks(
    openstack: Callable[..., Any], cloud: Cloud, name: str, uri: str, web: Remote
) -> None:
    image_id = cloud.owner.create(name=name)["id"]
    openstack("owner", "import", image_id, "--method", "web-download", "--uri", uri, "--disallow-failure")
    task = ended_task(cloud.owner, image_id)
    listed = openstack("admin", "task", "list", "-f", "json", "--status", "success", "--sort-key", "created_at")
    assert task["id"] in [one["ID"] for one in listed]
    assert task["id"] not in [
        one["ID"] for one in openstack("admin", "task", "list", "-f", "json", "--status", "failure")
    ]
    shown = openstack("admin", "task", "show", task["id"], "-f", "json")
    assert (shown["status"], shown["type"], shown["result"]) == ("success", "api_image_import", {"image_id": image_id})
    openstack("owner", "task", "show", task["id"], fails=True)


# glance ---------------------------------------------------------------------------------------------------------------


def test_glance_creates_by_import(
    glance: Callable[..., str], cloud: Cloud, admin: Caller, is_multi: bool, name: str, disk: Disk, uri: str
) -> None:
    owner = cloud.owner
    info = glance(owner, "import-info").replace("\n", "").replace("|", "").replace(" ", "")  # a table, with breaks
    assert all(method in info for method in METHODS), info
    if is_multi:
        assert '"id": "broken"' in glance(owner, "stores-info")
        assert '"type": "file"' in glance(admin, "stores-info", "--detail")
    else:
        glance(owner, "stores-info", fails=True)
    several = ("--stores", "cheap,fast") if is_multi else ()
    stores = "cheap,fast" if is_multi else ""
    sources = (("--file", disk.path), ("--import-method", "web-download", "--uri", uri))
    for number, source in enumerate(sources):
        glance(owner, "image-create-via-import", "--name", f"{name}-{number}", *FORMATS, *source, *several)
        image_id = owner.list(f"name={name}-{number}")[0]["id"]
        assert_imported(owner, image_id, disk, stores)


@pytest.mark.parametrize("allows", ["True", "False"])
@pytest.mark.parametrize("method", METHODS)
def test_glance_imports(
    glance: Callable[..., str], cloud: Cloud, admin: Caller, is_multi: bool, name: str, disk: Disk, uri: str,
    method: str, allows: str,
) -> None:  # fmt: skip
    if not is_multi and method == "copy-image":
        return
    image_id = cloud.owner.create(name=name)["id"]
    how: tuple[object, ...] = ("--import-method", method, "--allow-failure", allows)
    if method == "glance-direct":
        glance(cloud.owner, "image-stage", image_id, "--file", disk.path)
    elif method == "web-download":
        how = (*how, "--uri", uri)
    else:
        assert cloud.owner.upload(image_id, disk.path.read_bytes()).status == 204
    if not is_multi:
        glance(cloud.owner, "image-import", image_id, *how)
        assert_imported(cloud.owner, image_id, disk, "")
        return
    which = ("--stores", "cheap,broken" if method == "copy-image" else "fast,cheap,broken")
    glance(admin, "image-import", image_id, *how, *which)
    if allows == "True":
        assert_imported(cloud.owner, image_id, disk, "cheap,fast", "broken")
        return
    after = {"glance-direct": "uploading", "web-download": "queued", "copy-image": "active"}[method]
    assert_failed(cloud.owner, image_id, after, "broken")


def test_glance_names_one_store_by_header(
    glance: Callable[..., str], cloud: Cloud, is_multi: bool, name: str, disk: Disk, uri: str
) -> None:
    image_id = cloud.owner.create(name=name)["id"]
    which = ("--store", "cheap") if is_multi else ()
    glance(cloud.owner, "image-import", image_id, "--import-method", "web-download", "--uri", uri, *which)
    assert_imported(cloud.owner, image_id, disk, "cheap" if is_multi else "")


def test_glance_lists_and_shows_tasks(
    glance: Callable[..., str], cloud: Cloud, admin: Caller, is_multi: bool, uri: str
) -> None:
    image_id = cloud.owner.create()["id"]
    glance(cloud.owner, "image-import", image_id, "--import-method", "web-download", "--uri", uri)
    task = ended_task(cloud.owner, image_id)
    assert task["id"] in glance(admin, "task-list", "--page-size", 1, "--sort-key", "id", "--sort-dir", "asc")
    assert task["id"] in glance(admin, "task-list", "--status", "success", "--type", "api_image_import")
    assert task["id"] not in glance(admin, "task-list", "--status", "failure")
    assert "api_image_import" in glance(admin, "task-show", task["id"])
    glance(cloud.owner, "task-list", fails=True)
    text = json.dumps({"import_from": uri, "import_from_format": "raw", "image_properties": {"name": "by-task"}})
    made = glance(admin, "task-create", "--type", "import", "--input", text)
    assert "pending" in made or "processing" in made
    if is_multi:  # as in Glance, a service of one store does not say that it speaks 2.12
        assert "success" in glance(cloud.owner, "image-tasks", image_id)


# openstacksdk ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["4.22.0", "4.4.*"])
def test_the_sdk_imports(
    version: str, run: Run, cloud: Cloud, admin: Caller, is_multi: bool, name: str, disk: Disk, uri: str
) -> None:
    python = client(f"openstacksdk-{version.removesuffix('.*')}", f"openstacksdk=={version}") / "python"
    words = (HERE / "programs/sdk_import.py", name, disk.path, uri)
    assert run(python, *words, IS_MULTI="yes" if is_multi else "") == "done\n"
