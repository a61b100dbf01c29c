"""The cast: a real Keystone with projects, users and roles, and the service behind its `keystone` pipeline."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import Api, Service, make_service, running
from keystone_server import Keystone, install

PASSWORD = "secret"
USERS = {
    "reader": ("home", "reader"),
    "member": ("home", "member"),
    "owner": ("home", "member"),
    "admin": ("home", "admin"),
    "foreign": ("abroad", "member"),
    "service": ("service", "service"),
    "idle": ("home", "idle"),
}
"""Users, each named as what it is here, with its project and the one role that it was given."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of this takes longer: Keystone is installed on the first run, and takes its time to start."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("slow")
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def keystone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keystone]:
    """A Keystone with the cast in it."""
    server = Keystone(tmp_path_factory.mktemp("keystone") / "data", install()).create().start()
    try:
        _cast(server)
        yield server
    finally:
        server.stop()


def _cast(server: Keystone) -> None:
    server.make("role", name="idle")
    for project in ("home", "abroad", "service", "limited"):
        server.make("project", name=project, domain_id="default")
    for name, (project, role) in USERS.items():
        user = server.make("user", name=name, password=PASSWORD, domain_id="default")
        grant(server, user, project, role)
    image = {"user": "glance", "password": PASSWORD}
    glance = server.make("user", name=image["user"], password=PASSWORD, domain_id="default")
    grant(server, glance, "service", "service")
    reader = server.find("role", "reader")
    server.call("PUT", f"/system/users/{glance}/roles/{reader}")
    overseer = server.make("user", name="overseer", password=PASSWORD, domain_id="default")
    server.call("PUT", f"/system/users/{overseer}/roles/{server.find('role', 'admin')}")
    server.call("PUT", f"/domains/default/users/{overseer}/roles/{server.find('role', 'admin')}")


def grant(server: Keystone, user: str, project: str, role: str) -> None:
    server.call("PUT", f"/projects/{server.find('project', project)}/users/{user}/roles/{server.find('role', role)}")


def options(server: Keystone, **more: str) -> dict[str, str]:
    """Settings of a service that asks this Keystone."""
    asks = {"auth_url": server.url, "username": "glance", "password": PASSWORD}
    given = {f"KEYSTONE_AUTHTOKEN_{name.upper()}": value for name, value in asks.items()}
    return given | more


@pytest.fixture(scope="session")
def endpoint(keystone: Keystone) -> Callable[[str], None]:
    """Enters a service's URL into Keystone's catalog as the image service, instead of what stood there."""
    service = keystone.make("service", type="image", name="glance")
    known: list[str] = []

    def enter(url: str) -> None:
        for identity in known:
            keystone.call("DELETE", f"/endpoints/{identity}")
        known[:] = [keystone.make("endpoint", service_id=service, interface="public", url=url, region_id="RegionOne")]

    return enter


@pytest.fixture(scope="session")
def service(
    keystone: Keystone,
    endpoint: Callable[[str], None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    """The service, API and registry apart, that knows its callers from Keystone."""
    stores = {"ENABLED_BACKENDS": "fast:file,cheap:file", "GLANCE_STORE_DEFAULT_BACKEND": "fast"}
    settings = options(keystone, **stores)
    made = make_service(tmp_path_factory.mktemp("service") / "data", "apart", "keystone", **settings)
    with running(made) as started:
        endpoint(started.url)
        yield started


class Caller(Api):
    """Somebody with a token."""

    def __init__(self, url: str, token: str, project: str = "") -> None:
        super().__init__(url, project)
        self.token = token

    def identity(self) -> dict[str, str]:
        return {"X-Auth-Token": self.token} if self.token else {}


@dataclass
class Cast:
    """Callers by their names in USERS; a token for each is asked for once."""

    keystone: Keystone
    url: str
    known: dict[str, Caller]

    def __getattr__(self, name: str) -> Caller:
        if name not in self.known:
            self.known[name] = Caller(self.url, self.token(name), USERS[name][0])
        return self.known[name]

    def token(self, name: str) -> str:
        """A new token of this user."""
        return self.keystone.token(username=name, password=PASSWORD, project_name=USERS[name][0])

    def bearing(self, token: str) -> Caller:
        return Caller(self.url, token)


@pytest.fixture(scope="session")
def cast(keystone: Keystone, service: Service) -> Cast:
    return Cast(keystone, service.url, {})


Image = Mapping[str, str]
"""An image of the matrix: its {id}, and the id of project {abroad}."""


@pytest.fixture
def make(cast: Cast, keystone: Keystone) -> Callable[[str], Image]:
    """A new image of project home, of a kind that the rows name."""
    abroad = keystone.find("project", "abroad")

    def make_image(kind: str) -> Image:
        visibility = "public" if kind == "public" else "shared"
        fields = {"visibility": visibility, "tags": ["old"]}
        creator = cast.admin if kind == "public" else cast.owner
        image = creator.create(**fields) if kind == "queued" else creator.create_with(b"data", **fields)
        if kind == "guest":
            assert cast.owner.post(f"/v2/images/{image['id']}/members", {"member": abroad}).status == 200
        return {"id": image["id"], "abroad": abroad}

    return make_image


@pytest.fixture
def name() -> str:
    return f"cirros-{uuid.uuid4().hex[:12]}"
