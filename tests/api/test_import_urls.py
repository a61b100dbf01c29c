"""Hostile URLs at every door: an import, the tasks API, the locations API and locations by PATCH.

A canary listens on every address of this host, on a port that is allowed; it is to hear of nobody.
"""

import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fakes.remote import Remote, answer, redirect
from harness import Api, Service, make_service, running
from importing import DATA, ENDED, ended_task, files_of, run_import, start, tasks_of, wait_for
from unit.test_fetch_hostile import FORBIDDEN, HOSTILE, NAMES, URLS

pytestmark = pytest.mark.slow

RESOLVER = Path(__file__).parents[1] / "fakes/resolver.py"
WORDS = "URI for web-download does not pass filtering: "
TURNING = "turncoat-{}.example"
ALLOWED = "127.0.0.9"
"""The one address that may be asked, where names lead that nothing else is known of."""
PARALLEL = 60
"""Imports that are asked for before their ends are waited for."""


def in_json(text: str) -> bool:
    """Can a client say this in JSON at all?"""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def addresses_by_name() -> dict[str, list[list[str]]]:
    """What the names of the table lead to."""
    known = {name: [list(addresses)] for name, addresses in NAMES.items()}
    numbered = {f"name-{n}.example": [[address]] for n, address in enumerate(FORBIDDEN.split())}
    return known | numbered | {"unknown.example": [[]]}


@dataclass
class World:
    """A service, the one place that it may fetch from, the canaries, and the names that the service knows."""

    service: Service
    remote: Remote
    canaries: tuple[Remote, ...]
    names: Path
    known: dict[str, list[list[str]]] = field(default_factory=addresses_by_name)

    @property
    def port(self) -> int:
        return self.canaries[0].port

    def heard(self) -> int:
        return sum(canary.connections for canary in self.canaries)

    def teach(self, *answers: list[str]) -> str:
        """A new name with these answers in turn."""
        name = TURNING.format(uuid.uuid4().hex)
        self.known[name] = list(answers)
        self.write()
        return name

    def write(self) -> None:
        fresh = self.names.with_suffix(".new")
        fresh.write_text(json.dumps(self.known))
        fresh.rename(self.names)


@pytest.fixture(scope="module")
def canaries() -> Iterator[tuple[Remote, ...]]:
    everywhere = Remote("0.0.0.0")
    both = (everywhere, Remote("::1", port=everywhere.port))
    yield both
    for canary in both:
        canary.close()


@pytest.fixture(scope="module", params=["together", pytest.param("apart", marks=pytest.mark.slow)])
def world(
    request: pytest.FixtureRequest, canaries: tuple[Remote, ...], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp(f"urls-{request.param}")
    remote = Remote(ALLOWED)
    settings = {
        "IMPORT_FILTERING_OPTS_ALLOWED_NETWORKS": ALLOWED,
        "IMPORT_FILTERING_OPTS_ALLOWED_PORTS": f"{remote.port},{canaries[0].port}",
        "SHOW_MULTIPLE_LOCATIONS": "true",
        "TASK_MAX_WORKERS": "8",
        "HTTP_RETRIES": "0",
    }
    service = make_service(folder / "data", request.param, **settings)
    service.api.launcher = (sys.executable, str(RESOLVER), str(folder / "names"), ALLOWED)
    made = World(service, remote, canaries, folder / "names")
    made.write()
    with running(service):
        yield made
    remote.close()


@pytest.fixture
def api(world: World) -> Api:
    return Api(world.service.url)


@pytest.fixture(autouse=True)
def nobody_is_asked(world: World) -> Iterator[None]:
    """No canary hears a connection, no file of data is made, no words of a remote's are told."""
    before, files = world.heard(), files_of(world.service)
    yield
    assert world.heard() == before
    assert files_of(world.service) <= files
    assert "SECRET" not in world.service.api.log.read_text()


def hostile(world: World) -> Mapping[str, str]:
    found = {name: text.format(port=world.port) for name, text in HOSTILE.items()}
    return {name: text for name, text in found.items() if in_json(text)}


def assert_all_fail(api: Api, image_ids: Mapping[str, str]) -> None:
    """The tasks of these images end in failure, with words that clients know, and leave the images as they were."""
    for name, image_id in image_ids.items():
        task = ended_task(api, image_id)
        assert task["status"] == "failure", (name, task)
        text = json.dumps(task) + json.dumps(image := api.show(image_id))
        assert "SECRET" not in text and "/etc/passwd" not in task["message"].partition("(")[2], name
        assert (image["status"], image["size"], image["checksum"]) == ("queued", None, None), name
        assert image["locations"] == [], name


def in_groups(table: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    rows = list(table.items())
    for at in range(0, len(rows), PARALLEL):
        yield dict(rows[at : at + PARALLEL])


def test_the_table_is_long_and_the_canaries_hear(world: World) -> None:
    import socket

    assert len(hostile(world)) >= 240
    before = world.heard()
    for address in ("127.0.0.1", "127.0.0.2", "::1"):
        socket.create_connection((address, world.port)).close()
    wait_for(lambda: world.heard() == before + 3)
    world.canaries[0].connections -= 2
    world.canaries[1].connections -= 1


def test_a_hostile_url_is_refused_at_once_or_by_the_task(world: World, api: Api) -> None:
    accepted = {}
    image = api.create()
    for name, url in hostile(world).items():
        reply = start(api, image["id"], "web-download", uri=url)
        if reply.status == 202:
            accepted[name] = image["id"]
            image = api.create()
            continue
        assert (reply.status, reply.json["message"].startswith(WORDS)) == (400, True), (name, reply.text)
        assert reply.json["message"].isprintable() and len(reply.json["message"]) < 500, name
    assert tasks_of(api, image["id"]) == []
    assert_all_fail(api, accepted)
    # only a name can be found out later to lead astray
    assert all("name" in name or "url" in name for name in accepted), accepted.keys()


def test_a_redirect_to_a_hostile_url_is_refused(world: World, api: Api) -> None:
    started = {}
    for group in in_groups(hostile(world)):
        for name, url in group.items():
            target = f"/{uuid.uuid4().hex}"
            world.remote.pages[target] = redirect(url)
            image = api.create()
            assert start(api, image["id"], "web-download", uri=world.remote.url(target)).status == 202
            started[name] = image["id"]
        assert_all_fail(api, started)
        for name, image_id in started.items():
            message = ended_task(api, image_id)["message"]
            assert "(it redirects to a place that is refused: " in message, (name, message)
        started.clear()


def test_a_hostile_url_is_no_source_of_a_task(world: World, api: Api) -> None:
    admin, accepted = api.as_admin(), {}
    body = {"import_from_format": "raw", "image_properties": {"name": "hostile"}}
    for name, url in hostile(world).items():
        reply = admin.post("/v2/tasks", {"type": "import", "input": body | {"import_from": url}})
        if reply.status == 201:
            accepted[name] = reply.json["id"]
            continue
        assert (reply.status, reply.json["message"].startswith(WORDS)) == (400, True), (name, reply.text)
    for name, task_id in accepted.items():
        task = wait_for(lambda at=task_id: (t := admin.get(f"/v2/tasks/{at}").json)["status"] in ENDED and t)
        assert (task["status"], task["result"]) == ("failure", None), (name, task)
        assert "SECRET" not in json.dumps(task)
    assert admin.list("name=hostile") == []


def test_a_hostile_url_is_no_location(world: World, api: Api) -> None:
    """By the locations API, and by a patch."""
    accepted, image, patched = {}, api.create(), api.create()
    for name, url in hostile(world).items():
        change = [{"op": "add", "path": "/locations/-", "value": {"url": url, "metadata": {}}}]
        reply = api.patch(patched["id"], change)
        assert reply.status in (400, 403), (name, reply.text)
        reply = api.post(f"/v2/images/{image['id']}/locations", {"url": url})
        if reply.status == 202:
            accepted[name] = image["id"]
            image = api.create()
            continue
        assert reply.status in (400, 403), (name, reply.text)
    assert_all_fail(api, accepted)
    after = api.show(patched["id"])
    assert (after["status"], after["locations"], after["size"]) == ("queued", [], None)


def test_a_redirect_of_a_location_to_a_hostile_url_is_refused(world: World, api: Api) -> None:
    for group in in_groups(hostile(world)):
        started = {}
        for name, url in group.items():
            target = f"/{uuid.uuid4().hex}"
            world.remote.pages[target] = redirect(url)
            image = api.create()
            place = {"url": world.remote.url(target)}
            assert api.post(f"/v2/images/{image['id']}/locations", place).status == 202
            started[name] = image["id"]
        assert_all_fail(api, started)


# A name whose addresses change ----------------------------------------------------------------------------------------


def test_the_address_that_was_checked_is_the_one_that_is_asked(world: World, api: Api) -> None:
    world.remote.pages["/turn"] = answer(b"data")
    name = world.teach([ALLOWED], ["127.0.0.2"])
    image = api.create()
    task = run_import(api, image["id"], "web-download", uri=world.remote.url("/turn", host=name))
    assert task["status"] == "success", task
    assert api.get(image["file"]).body == b"data"
    assert world.remote.asked[-1].headers["Host"] == f"{name}:{world.remote.port}"
    assert api.delete(f"/v2/images/{image['id']}").status == 204
    wait_for(lambda: not files_of(world.service))


@pytest.mark.parametrize("answers", [[["127.0.0.2"]], [[ALLOWED, "127.0.0.2"]], [[ALLOWED, "::1"]], [[]]])
def test_a_name_is_only_asked_where_all_its_addresses_are_allowed(
    world: World, api: Api, answers: list[list[str]]
) -> None:
    image = api.create()
    uri = f"http://{world.teach(*answers)}:{world.port}/"
    assert start(api, image["id"], "web-download", uri=uri).status in (202, 400)
    assert_all_fail(api, {"it": image["id"]} if tasks_of(api, image["id"]) else {})


def test_a_redirect_to_the_same_name_looks_it_up_again(world: World, api: Api) -> None:
    name = world.teach([ALLOWED], ["127.0.0.2"])
    world.remote.pages["/turn"] = redirect(f"http://{name}:{world.port}/x")
    image = api.create()
    task = run_import(api, image["id"], "web-download", uri=world.remote.url("/turn", host=name))
    assert "redirects to a place that is refused" in task["message"]
    assert_all_fail(api, {"it": image["id"]})


def test_whether_an_inner_name_exists_is_not_told(world: World, api: Api) -> None:
    said = set()
    for addresses in ([], ["192.168.1.5"], ["not an address"]):
        name, image = world.teach(addresses), api.create()
        task = run_import(api, image["id"], "web-download", uri=f"http://{name}:{world.port}/")
        said.add(task["message"].replace(name, ""))
    assert len(said) == 1, said


# Secrets --------------------------------------------------------------------------------------------------------------


def test_credentials_of_a_url_are_neither_shown_nor_logged(world: World, api: Api) -> None:
    admin, image = api.as_admin(), api.create()
    world.remote.pages["/q?t=SECRET"] = answer(b"SECRET answer", "404 Not Found")
    with_user = world.remote.url("/x").replace("://", "://SECRET-user:SECRET-word@")
    said = []
    for uri in (with_user, f"{with_user}?t=SECRET", with_user.replace("http", "ftp")):
        said.append(start(api, image["id"], "web-download", uri=uri))
        task = {"import_from": uri, "import_from_format": "raw", "image_properties": {}}
        said.append(admin.post("/v2/tasks", {"type": "import", "input": task}))
    assert {reply.status for reply in said} == {400}
    run_import(api, image["id"], "web-download", uri=world.remote.url("/q?t=SECRET"))
    located = api.create()
    assert api.post(f"/v2/images/{located['id']}/locations", {"url": f"{with_user}?t=SECRET"}).status == 202
    ended_task(api, located["id"])
    said += [api.get(f"/v2/images/{one['id']}/tasks") for one in (image, located)]
    said += [api.get(f"/v2/images/{one['id']}") for one in (image, located)]
    said += [admin.get(f"/v2/tasks/{task['id']}") for one in (image, located) for task in tasks_of(api, one["id"])]
    assert not [reply.text for reply in said if "SECRET" in reply.text]


# The configuration that nobody changed --------------------------------------------------------------------------------


def test_without_any_configuration_no_local_place_is_asked(
    canaries: tuple[Remote, ...], start_service: Callable[..., Service]
) -> None:
    service = start_service()
    api = Api(service.url)
    image, before = api.create(), sum(canary.connections for canary in canaries)
    for address in FORBIDDEN.split():
        shown = f"[{address}]" if ":" in address else address
        for port in ("", f":{canaries[0].port}", ":80", ":443"):
            for scheme in ("http", "https"):
                reply = start(api, image["id"], "web-download", uri=f"{scheme}://{shown}{port}/")
                assert (reply.status, WORDS in reply.text) == (400, True), reply.text
    for text in URLS:
        if in_json(text) and "example" not in text and "localhost" not in text.lower() and "printer" not in text:
            uri = text.format(port=canaries[0].port)
            assert start(api, image["id"], "web-download", uri=uri).status == 400, uri
    time.sleep(0.2)
    assert sum(canary.connections for canary in canaries) == before
    assert api.show(image["id"])["status"] == "queued" and not files_of(service)


def test_the_usual_port_is_compared_even_if_it_is_not_said(
    canaries: tuple[Remote, ...], start_service: Callable[..., Service]
) -> None:
    open_to = {"IMPORT_FILTERING_OPTS_ALLOWED_NETWORKS": "127.0.0.0/8"}
    service = start_service(IMPORT_FILTERING_OPTS_ALLOWED_PORTS="81", **open_to)
    api = Api(service.url)
    for uri in ("http://127.0.0.1/", "https://127.0.0.1/", "http://127.0.0.1:80/", "http://127.0.0.1:443/"):
        reply = start(api, api.create()["id"], "web-download", uri=uri)
        assert (reply.status, "its port is not allowed" in reply.text) == (400, True), reply.text


def test_allowed_goes_before_disallowed(start_service: Callable[..., Service]) -> None:
    both = {
        "IMPORT_FILTERING_OPTS_ALLOWED_NETWORKS": "127.0.0.0/8",
        "IMPORT_FILTERING_OPTS_ALLOWED_HOSTS": "127.0.0.1",
        "IMPORT_FILTERING_OPTS_DISALLOWED_HOSTS": "127.0.0.1",
        "IMPORT_FILTERING_OPTS_ALLOWED_PORTS": "[]",
        "IMPORT_FILTERING_OPTS_DISALLOWED_PORTS": "22",
        "IMPORT_FILTERING_OPTS_ALLOWED_SCHEMES": "[]",
        "IMPORT_FILTERING_OPTS_DISALLOWED_SCHEMES": "https",
    }
    remote = Remote()
    remote.pages["/"] = answer(DATA)
    try:
        api = Api(start_service(**both).url)
        for uri in ("http://127.0.0.2/", "https://127.0.0.1/", "http://127.0.0.1:22/"):
            assert start(api, api.create()["id"], "web-download", uri=uri).status == 400, uri
        assert run_import(api, api.create()["id"], "web-download", uri=remote.url())["status"] == "success"
    finally:
        remote.close()
