"""glance-download: images of another region, found by a real Keystone's catalog, fetched with the caller's token."""

import json
import os
import sqlite3
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from clients.cloud import client
from fakes.remote import Remote, silence
from harness import Service, make_service, running
from importing import (
    assert_untouched,
    ended_task,
    files_of,
    run_import,
    spoiled,
    start,
    tasks_of,
    wait_for,
)
from keystone_server import Keystone
from loaded import peers

from .conftest import PASSWORD, Caller, grant, options

DATA = os.urandom(300_000)
METHODS = "glance-direct,web-download,glance-download"


@dataclass
class Regions:
    """Two image services of one catalog, in regions Here and There, and a member of one project."""

    keystone: Keystone
    here: Service
    there: Service
    web: Remote

    def __post_init__(self) -> None:
        name = f"traveller-{uuid.uuid4().hex[:8]}"
        self.project = self.keystone.make("project", name=name, domain_id="default")
        user = self.keystone.make("user", name=name, password=PASSWORD, domain_id="default")
        grant(self.keystone, user, name, "member")
        self.name = name
        self.renew()

    def renew(self) -> None:
        """A new token for both."""
        self.token = self.keystone.token(username=self.name, password=PASSWORD, project_name=self.name)
        self.local, self.remote = (
            Caller(self.here.url, self.token, self.name),
            Caller(self.there.url, self.token, self.name),
        )

    def begin(self, image_id: str, source: str, region: str = "There", **more: Any) -> Any:
        asked = {"glance_image_id": source, "glance_region": region} | more
        return start(self.local, image_id, "glance-download", **asked)

    def run(self, image_id: str, source: str, region: str = "There", **more: Any) -> dict[str, Any]:
        asked = {"glance_image_id": source, "glance_region": region} | more
        return run_import(self.local, image_id, "glance-download", **asked)

    def everything_told(self) -> str:
        """All that logs, files and databases of both services hold, but images' data."""
        found = []
        for service in (self.here, self.there):
            found += [daemon.log.read_text() for daemon in service.daemons]
            if not service.database.startswith("sqlite"):
                continue
            with sqlite3.connect(service.database.removeprefix("sqlite:///")) as database:
                found.append("\n".join(database.iterdump()))
        return "\n".join(found)


@pytest.fixture(scope="module")
def web() -> Iterator[Remote]:
    remote = Remote()
    yield remote
    remote.close()


@pytest.fixture(scope="module", params=["apart"])
def services(
    request: pytest.FixtureRequest, keystone: Keystone, web: Remote, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, Service]]:
    """Both services, entered into the catalog: each region's public and internal endpoint."""
    folder = tmp_path_factory.mktemp(f"regions-{request.param}")
    fetches = {
        "IMPORT_FILTERING_OPTS_ALLOWED_NETWORKS": "127.0.0.1",
        "IMPORT_FILTERING_OPTS_ALLOWED_PORTS": str(web.port),
        "ENABLED_IMPORT_METHODS": METHODS,
        "ENABLED_BACKENDS": "fast:file,slow:file",
        "GLANCE_STORE_DEFAULT_BACKEND": "fast",
        "TASK_MAX_WORKERS": "1",
        "REGISTRY_LEASE_SECONDS": "2",
    }
    settings = options(keystone, **fetches)
    other = options(keystone, IMAGE_FORMAT_DISK_FORMATS="raw,qcow2,iso,unheard")
    with (
        running(make_service(folder / "here", request.param, "keystone", **settings)) as here,
        running(make_service(folder / "there", "together", "keystone", **other)) as there,
    ):
        image = keystone.make("service", type="image", name=f"glance-{request.param}")
        entered = []
        dead = "http://127.0.0.1:9/dead"
        for region, public, internal in (
            ("Here", here.url, here.url),
            ("There", f"{there.url}/", f"{there.url}/v2"),
            ("Dead", dead, dead),
        ):
            for interface, url in (("public", public), ("internal", internal)):
                if not entered:
                    for name in ("Here", "There", "Dead"):
                        _make_region(keystone, name)
                more = {"service_id": image, "interface": interface, "url": url, "region_id": region}
                entered.append(keystone.make("endpoint", **more))
        yield here, there
        for endpoint in entered:
            keystone.call("DELETE", f"/endpoints/{endpoint}")
        keystone.call("DELETE", f"/services/{image}")


def _make_region(keystone: Keystone, name: str) -> None:
    known = [one["id"] for one in keystone.call("GET", "/regions")["regions"]]
    if name not in known:
        keystone.call("POST", "/regions", {"region": {"id": name}})


@pytest.fixture
def regions(keystone: Keystone, services: tuple[Service, Service], web: Remote) -> Iterator[Regions]:
    made = Regions(keystone, *services, web)
    yield made
    assert made.token not in made.everything_told()


@pytest.mark.parametrize("interface", [None, "public", "internal"])
def test_an_image_comes_from_the_other_region(regions: Regions, interface: str | None) -> None:
    fields = {"hw_disk_bus": "scsi", "trait:X": "required", "os_distro": "debian", "os_type": "linux", "secret": "no"}
    source = regions.remote.create_with(DATA, name="there", tags=["t"], **fields)
    image = regions.local.create(name="here", disk_format="vhd", container_format="ovf", os_distro="arch", mine="yes")
    more = {} if interface is None else {"glance_service_interface": interface}

    task = regions.run(image["id"], source["id"], **more)

    assert task["status"] == "success", task
    done = regions.local.show(image["id"])
    assert (done["status"], done["size"], done["os_hash_value"]) == ("active", len(DATA), source["os_hash_value"])
    assert (done["disk_format"], done["container_format"]) == ("raw", "bare")
    kept = {name: done.get(name) for name in (*fields, "name", "mine", "tags")}
    del fields["secret"]
    assert kept == fields | {"secret": None, "name": "here", "mine": "yes", "tags": []}
    assert regions.local.get(image["file"]).body == DATA
    assert regions.token not in json.dumps(task)
    admin_sees = regions.local.get(f"/v2/images/{image['id']}/tasks").text
    assert regions.token not in admin_sees and "endpoint" not in admin_sees


def test_it_comes_into_several_stores(regions: Regions) -> None:
    source, image = regions.remote.create_with(DATA), regions.local.create()
    asked = {"glance_image_id": source["id"], "glance_region": "There"}
    assert run_import(regions.local, image["id"], "glance-download", all_stores=True, **asked)["status"] == "success"
    assert regions.local.show(image["id"])["stores"] == "fast,slow"


def assert_failed(regions: Regions, image: dict[str, Any], task: dict[str, Any], words: str) -> None:
    assert (task["status"], words in task["message"]) == ("failure", True), task
    after = assert_untouched(regions.local, image["id"])
    before = {name: image.get(name) for name in ("disk_format", "container_format", "hw_disk_bus", "name")}
    assert {name: after.get(name) for name in before} == before
    assert regions.token not in json.dumps(task) + json.dumps(after)


def test_an_image_that_is_not_active_is_not_taken(regions: Regions) -> None:
    source, image = regions.remote.create(), regions.local.create(disk_format="vhd")
    assert_failed(regions, image, regions.run(image["id"], source["id"]), "is not active")
    full = regions.remote.create_with(DATA)
    assert regions.remote.post(f"/v2/images/{full['id']}/actions/deactivate", None).status == 204
    assert_failed(regions, image, regions.run(image["id"], full["id"]), "is not active")


def test_an_image_that_is_not_there_or_not_seen_is_not_taken(regions: Regions) -> None:
    image = regions.local.create(disk_format="vhd")
    foreign = Regions(regions.keystone, regions.here, regions.there, regions.web)
    hidden = foreign.remote.create_with(DATA)
    for source in (str(uuid.uuid4()), hidden["id"]):
        assert_failed(regions, image, regions.run(image["id"], source), "nothing to fetch")


@pytest.mark.parametrize("region", ["Nowhere", "there", "", "Here "])
def test_a_region_that_the_catalog_does_not_know_has_no_images(regions: Regions, region: str) -> None:
    source, image = regions.remote.create_with(DATA), regions.local.create(disk_format="vhd")
    task = regions.run(image["id"], source["id"], region)
    assert_failed(regions, image, task, f"no image service in region {region} of the catalog")


def test_an_interface_that_the_catalog_does_not_know_has_no_images(regions: Regions) -> None:
    source, image = regions.remote.create_with(DATA), regions.local.create(disk_format="vhd")
    task = regions.run(image["id"], source["id"], glance_service_interface="admin")
    assert_failed(regions, image, task, "no image service in region There")


def test_a_region_that_does_not_answer_is_said(regions: Regions) -> None:
    image = regions.local.create(disk_format="vhd")
    task = regions.run(image["id"], str(uuid.uuid4()), "Dead")
    assert_failed(regions, image, task, "no connection to it can be made")


def test_what_is_no_uuid_is_refused_at_once(regions: Regions) -> None:
    image = regions.local.create()
    reply = regions.begin(image["id"], "debian-13")
    assert (reply.status, "image id does not look like a UUID" in reply.json["message"]) == (400, True)


def test_formats_that_are_not_known_here_are_not_taken(regions: Regions) -> None:
    source = regions.remote.create_with(DATA, disk_format="unheard")
    image = regions.local.create(disk_format="vhd")
    assert_failed(regions, image, regions.run(image["id"], source["id"]), "'unheard' is not known here")


def test_data_that_is_not_what_the_other_region_vouches_for_is_not_kept(regions: Regions) -> None:
    before = files_of(regions.here)
    data = os.urandom(100_000)
    source = regions.remote.create_with(data, hw_disk_bus="ide")
    (file,) = (path for path in (regions.there.data_dir / "images").iterdir() if path.read_bytes() == data)
    file.chmod(0o600)
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    image = regions.local.create(disk_format="vhd")
    assert_failed(regions, image, regions.run(image["id"], source["id"]), "")
    wait_for(lambda: files_of(regions.here) <= before)
    regions.remote.delete(f"/v2/images/{source['id']}")


def test_old_values_come_back_when_a_store_fails(regions: Regions) -> None:
    source = regions.remote.create_with(DATA, os_distro="debian", hw_disk_bus="scsi")
    image = regions.local.create(disk_format="vhd", container_format="ovf", os_distro="arch", mine="yes")
    with spoiled(regions.here, "slow"):
        task = regions.run(image["id"], source["id"], stores=["fast", "slow"])
    assert_failed(regions, image, task, "store 'slow'")
    after = regions.local.show(image["id"])
    assert (after["os_distro"], after["mine"], "hw_disk_bus" in after) == ("arch", "yes", False)


def busy(regions: Regions) -> str:
    """Have the one worker wait for a page that never comes; the id of what it waits for."""
    regions.web.pages["/slow"] = [silence]
    image = regions.local.create()
    assert start(regions.local, image["id"], "web-download", uri=regions.web.url("/slow")).status == 202
    wait_for(lambda: tasks_of(regions.local, image["id"])[0]["status"] == "processing")
    identity: str = image["id"]
    return identity


def test_an_image_that_is_deleted_meanwhile_is_not_taken(regions: Regions) -> None:
    source, image = regions.remote.create_with(DATA), regions.local.create(disk_format="vhd")
    busy(regions)
    assert regions.begin(image["id"], source["id"]).status == 202
    assert regions.remote.delete(f"/v2/images/{source['id']}").status == 204
    wait_for(lambda: tasks_of(regions.local, image["id"])[0]["status"] == "failure", 40)
    assert_failed(regions, image, ended_task(regions.local, image["id"]), "nothing to fetch")


def test_after_a_restart_the_token_is_gone_and_that_is_said(regions: Regions) -> None:
    source, image = regions.remote.create_with(DATA), regions.local.create(disk_format="vhd")
    waiting = busy(regions)
    assert regions.begin(image["id"], source["id"]).status == 202
    regions.here.kill()
    regions.web.pages["/slow"] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    regions.here.start()
    ended_task(regions.local, waiting)
    assert_failed(regions, image, ended_task(regions.local, image["id"]), "ask for the import again")
    assert regions.run(image["id"], source["id"])["status"] == "success"


def test_a_token_that_is_revoked_meanwhile_opens_nothing(regions: Regions) -> None:
    source, image = regions.remote.create_with(DATA), regions.local.create(disk_format="vhd")
    busy(regions)
    assert regions.begin(image["id"], source["id"]).status == 202
    regions.keystone.call("DELETE", "/auth/tokens", X_Subject_Token=regions.token)
    old = regions.token
    regions.renew()
    wait_for(lambda: tasks_of(regions.local, image["id"])[0]["status"] in ("failure", "success"), 40)
    task = ended_task(regions.local, image["id"])
    if task["status"] == "failure":  # services believe a token for as long as they are told to
        assert "status 401" in task["message"], task
    assert old not in regions.everything_told()


@pytest.mark.parametrize("header", ["X-Service-Catalog", "X_Service_Catalog"])
def test_a_catalog_that_a_client_sends_is_not_believed(regions: Regions, header: str) -> None:
    """Otherwise a client could send a service, and its own token, to any place."""
    regions.web.pages.clear()
    asked = len(regions.web.asked)
    endpoints = [{"region": "Mine", "publicURL": regions.web.url("")}]
    catalog = json.dumps([{"type": "image", "name": "glance", "endpoints": endpoints}])
    image = regions.local.create(disk_format="vhd")
    body = {"method": {"name": "glance-download", "glance_image_id": str(uuid.uuid4()), "glance_region": "Mine"}}
    reply = regions.local.request("POST", f"/v2/images/{image['id']}/import", body, {header: catalog})
    assert reply.status in (202, 400), reply.text
    if reply.status == 202:
        assert_failed(regions, image, ended_task(regions.local, image["id"]), "no image service in region Mine")
    assert len(regions.web.asked) == asked


def test_a_token_in_the_old_header_is_taken_along(regions: Regions) -> None:
    """Keystone's filter takes X-Storage-Token for X-Auth-Token."""
    source, image = regions.remote.create_with(DATA), regions.local.create(disk_format="vhd")
    body = {"method": {"name": "glance-download", "glance_image_id": source["id"], "glance_region": "There"}}
    old = regions.local
    old.identity = lambda: {"X-Storage-Token": regions.token}  # type: ignore[method-assign]
    assert old.post(f"/v2/images/{image['id']}/import", body).status == 202
    assert ended_task(old, image["id"])["status"] == "success"


def test_the_catalog_arrives_whatever_its_names_are_written_in(regions: Regions, tmp_path: Path) -> None:
    _make_region(regions.keystone, "Zürich")
    service = regions.keystone.make("service", type="image", name=f"größe-{uuid.uuid4().hex[:6]}")
    more = {"service_id": service, "interface": "public", "url": regions.there.url, "region_id": "Zürich"}
    endpoint = regions.keystone.make("endpoint", **more)
    try:
        regions.renew()
        source, image = regions.remote.create_with(DATA), regions.local.create()
        assert regions.run(image["id"], source["id"], "Zürich")["status"] == "success"
    finally:
        regions.keystone.call("DELETE", f"/endpoints/{endpoint}")
        regions.keystone.call("DELETE", f"/services/{service}")


# The unmodified clients, each logging in by itself -------------------------------------------------------------------

CLIENTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "openstack": (
        "python-openstackclient==10.5.0",
        "image import {id} --method glance-download --remote-region There --remote-image {source}"
        " --remote-service-interface public",
        ("--store", "fast", "slow"),
    ),
    "glance": (
        "python-glanceclient==4.13.0",
        "image-import {id} --import-method glance-download --remote-region There --remote-image-id {source}",
        ("--stores", "fast,slow"),
    ),
}
"""What is installed, what is said, and how several stores are named. The SDK, and so `openstack`, leaves out the image
and its region where no interface is said."""


@pytest.fixture(scope="module")
def find_peer() -> Iterator[Any]:
    with peers() as find:
        yield find


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize("in_several", [False, True], ids=["one store", "two stores"])
def test_the_clients_bring_an_image_from_the_other_region(
    regions: Regions, find_peer: Any, name: str, in_several: bool, tmp_path: Path
) -> None:
    package, said, stores = CLIENTS[name]
    source, image = regions.remote.create_with(DATA), regions.local.create()
    login = {
        "OS_AUTH_URL": regions.keystone.url, "OS_USERNAME": regions.name, "OS_PASSWORD": PASSWORD,
        "OS_PROJECT_NAME": regions.name, "OS_USER_DOMAIN_ID": "default", "OS_PROJECT_DOMAIN_ID": "default",
        "OS_IDENTITY_API_VERSION": "3", "OS_REGION_NAME": "Here",
    }  # fmt: skip
    folder = {"openstack": "openstack", "glance": "glanceclient"}[name]
    words = said.format(id=image["id"], source=source["id"]).split() + list(stores if in_several else ())

    done = find_peer(client(folder, package) / name)(words, login | {"HOME": str(tmp_path)}, tmp_path)

    assert done.code == 0, done.err
    assert ended_task(regions.local, image["id"])["status"] == "success"
    after = regions.local.show(image["id"])
    assert (after["status"], after["stores"]) == ("active", "fast,slow" if in_several else "fast")
    assert regions.local.get(image["file"]).body == DATA


@pytest.mark.parametrize("version", ["4.22.0", "4.4.*"])
def test_the_sdk_brings_an_image_from_the_other_region(regions: Regions, version: str) -> None:
    source, image = regions.remote.create_with(DATA), regions.local.create()
    python = client(f"openstacksdk-{version.removesuffix('.*')}", f"openstacksdk=={version}") / "python"
    who = {
        "auth_url": regions.keystone.url, "username": regions.name, "password": PASSWORD,
        "project_name": regions.name, "user_domain_id": "default", "project_domain_id": "default",
    }  # fmt: skip
    program = f"""
import openstack
cloud = openstack.connect(load_yaml_config=False, load_envvars=False, region_name="Here", **{who!r})
how = dict(remote_region="There", remote_image_id={source["id"]!r}, remote_service_interface="public")
cloud.image.import_image(cloud.image.get_image({image["id"]!r}), "glance-download", **how)
"""

    done = subprocess.run([python, "-c", program], env={}, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stderr
    assert ended_task(regions.local, image["id"])["status"] == "success"
    assert regions.local.get(image["file"]).body == DATA
