"""Limits under Keystone's model `strict_two_level`: those of a domain are for all its projects together."""

import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import Service, make_service, running
from keystone_server import Keystone

from .conftest import PASSWORD, Caller, options
from .test_limits import MIB, READS_LIMITS
from .test_tokens import retarget

DEFAULTS = {"image_size_total": 100, "image_stage_total": 100, "image_count_total": 3, "image_count_uploading": 100}


@pytest.fixture(scope="module")
def strict(keystone: Keystone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keystone]:
    """A Keystone of that model, with the cast of the other one."""
    folder = tmp_path_factory.mktemp("strict") / "keystone"
    shutil.copytree(keystone.folder, folder)
    server = Keystone(folder, keystone.bin, limits="strict_two_level").configure().start()
    try:
        retarget(server)
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def image_service(strict: Keystone) -> str:
    """The image service's id in the catalog, with a limit registered on everything."""
    identity = strict.make("service", type="image", name="strict")
    strict.make("endpoint", service_id=identity, interface="public", url="http://127.0.0.1:1", region_id="RegionOne")
    place = {"service_id": identity, "region_id": "RegionOne"}
    wish = [place | {"resource_name": name, "default_limit": most} for name, most in DEFAULTS.items()]
    strict.call("POST", "/registered_limits", {"registered_limits": wish})
    return identity


@pytest.fixture(scope="module")
def limited(strict: Keystone, image_service: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    ours = strict.call("GET", f"/endpoints?service_id={image_service}")["endpoints"][0]["id"]
    asks = {"KEYSTONE_AUTHTOKEN_INTERFACE": "public", "OSLO_LIMIT_ENDPOINT_ID": ours}
    settings = options(strict, **READS_LIMITS, **asks)
    with running(make_service(tmp_path_factory.mktemp("limited") / "data", "apart", "keystone", **settings)) as started:
        yield started
        assert started.fsck().returncode == 0


class Domain:
    """A domain of a test's own, whose limits and whose projects' it sets."""

    def __init__(self, keystone: Keystone, url: str, image_service: str) -> None:
        self.keystone, self.url, self.image_service = keystone, url, image_service
        self.id = keystone.make("domain", name=uuid.uuid4().hex)

    def limit(self, project: Caller | None = None, **limits: int) -> None:
        whose = {"domain_id": self.id} if project is None else {"project_id": project.project}
        place = {"service_id": self.image_service, "region_id": "RegionOne"} | whose
        wish = [place | {"resource_name": name, "resource_limit": most} for name, most in limits.items()]
        self.keystone.call("POST", "/limits", {"limits": wish})

    def join(self) -> Caller:
        """A member of a new project of this domain."""
        name = uuid.uuid4().hex
        project = self.keystone.make("project", name=name, domain_id=self.id)
        user = self.keystone.make("user", name=name, password=PASSWORD, domain_id="default")
        role = self.keystone.find("role", "member")
        self.keystone.call("PUT", f"/projects/{project}/users/{user}/roles/{role}")
        token = self.keystone.token({"project": {"id": project}}, username=name, password=PASSWORD)
        return Caller(self.url, token, project)


@pytest.fixture
def domain(strict: Keystone, limited: Service, image_service: str) -> Domain:
    return Domain(strict, limited.url, image_service)


def test_what_one_project_uses_its_sibling_cannot(domain):
    domain.limit(image_count_total=3)
    first, second = domain.join(), domain.join()
    mine = [first.create() for _ in range(2)]
    second.create()

    reply = second.post("/v2/images", {})

    assert reply.status == 413
    assert reply.json["message"] == (
        f"The limit on image_count_total of domain {domain.id}, which its projects share, has been exceeded. "
        "Used: 3, asked for: 1, limit: 3."
    )
    assert first.delete(f"/v2/images/{mine[0]['id']}").status == 204
    assert second.post("/v2/images", {}).status == 201


def test_a_project_keeps_to_its_own_limit_where_its_domain_has_room(domain):
    domain.limit(image_count_total=5)
    first, second = domain.join(), domain.join()
    domain.limit(first, image_count_total=1)
    first.create()

    reply = first.post("/v2/images", {})

    assert reply.status == 413
    assert f"of project {first.project}" in reply.json["message"]
    assert second.post("/v2/images", {}).status == 201


def test_another_domain_is_not_counted(domain, strict, limited, image_service):
    other = Domain(strict, limited.url, image_service)
    domain.limit(image_count_total=1)
    domain.join().create()
    stranger = other.join()

    assert [stranger.post("/v2/images", {}).status for _ in range(2)] == [201, 201]


def test_a_domain_without_a_limit_of_its_own_has_the_registered_one(domain):
    first, second = domain.join(), domain.join()
    for project in (first, first, second):
        project.create()

    reply = second.post("/v2/images", {})

    assert reply.status == 413
    assert f"of domain {domain.id}" in reply.json["message"]
    assert "Used: 3, asked for: 1, limit: 3." in reply.json["message"]


def test_a_domain_limit_of_minus_one_is_none(domain):
    domain.limit(image_count_total=-1)
    first = domain.join()

    assert [first.post("/v2/images", {}).status for _ in range(3)] == [201] * 3


def test_data_beyond_the_domains_limit_is_refused_announced_or_not(domain):
    domain.limit(image_size_total=2)
    first, second = domain.join(), domain.join()
    first.create_with(b"x" * MIB)
    announced, streamed = second.create(), second.create()

    refused = second.upload(announced["id"], b"x" * (MIB + 1))
    cut = second.upload(streamed["id"], iter([b"x" * MIB, b"x"]))

    assert refused.status == 413
    assert f"of domain {domain.id}" in refused.json["message"]
    assert "Used: 1, asked for: 2, limit: 2." in refused.json["message"]
    assert cut.status == 413
    assert second.show(streamed["id"])["status"] == "queued"
    assert second.upload(streamed["id"], iter([b"x" * MIB])).status == 204


def test_no_race_between_projects_gets_past_their_domains_limit(domain):
    domain.limit(image_count_total=5, image_size_total=1)
    projects = [domain.join(), domain.join()] * 5
    wish = {"disk_format": "raw", "container_format": "bare"}

    with ThreadPoolExecutor(10) as pool:
        created = list(pool.map(lambda caller: (caller, caller.post("/v2/images", wish)), projects))
        made = [(caller, reply.json["id"]) for caller, reply in created if reply.status == 201]
        sent = list(pool.map(lambda one: one[0].upload(one[1], iter([b"x" * 400_000])).status, made))

    assert sorted(reply.status for _, reply in created) == [201] * 5 + [413] * 5
    assert sorted(sent) == [204] * 2 + [413] * 3


def test_an_owner_that_keystone_does_not_know_shares_with_nobody(domain, strict, limited):
    admin = Caller(limited.url, strict.token(username="admin", password=PASSWORD, project_name="home"))

    assert admin.post("/v2/images", {"owner": "nobody-knows"}).status == 201
