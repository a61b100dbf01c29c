"""Limits that Keystone keeps for projects: refused is what would pass them, and nothing else."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from fakes.remote import Remote, answer
from harness import free_port, make_service, running
from importing import assert_untouched, ended_task, reaching, run_import, stage, start
from keystone_server import Keystone

from .conftest import PASSWORD, Caller, grant, options

MIB = 1 << 20
DEFAULTS = {"image_size_total": 5, "image_stage_total": 5, "image_count_total": 4, "image_count_uploading": 2}
READS_LIMITS = {
    "USE_KEYSTONE_LIMITS": "true", "OSLO_LIMIT_USERNAME": "glance", "OSLO_LIMIT_PASSWORD": PASSWORD,
    "OSLO_LIMIT_SYSTEM_SCOPE": "all",
}  # fmt: skip


class Saver(Caller):
    """A member of a project of its own, whose limits a test sets."""

    def __init__(self, keystone: Keystone, url: str, image_service: str) -> None:
        name = f"saver-{uuid.uuid4().hex[:8]}"
        self.keystone, self.image_service = keystone, image_service
        self.id = keystone.make("project", name=name, domain_id="default")
        user = keystone.make("user", name=name, password=PASSWORD, domain_id="default")
        grant(keystone, user, name, "member")
        super().__init__(url, keystone.token(username=name, password=PASSWORD, project_name=name), name)

    def limit(self, **limits: int) -> None:
        """Set limits of this project."""
        place = {"service_id": self.image_service, "region_id": "RegionOne", "project_id": self.id}
        wish = [place | {"resource_name": name, "resource_limit": most} for name, most in limits.items()]
        self.keystone.call("POST", "/limits", {"limits": wish})

    def usage(self) -> dict[str, tuple[int, int]]:
        reply = self.get("/v2/info/usage")
        assert reply.status == 200, reply.text
        return {name: (one["usage"], one["limit"]) for name, one in reply.json["usage"].items()}


@pytest.fixture(scope="module")
def image_service(keystone, service) -> str:
    """The image service's id, with a limit registered on everything."""
    identity: str = keystone.find("service", "glance")
    place = {"service_id": identity, "region_id": "RegionOne"}
    wish = [place | {"resource_name": name, "default_limit": most} for name, most in DEFAULTS.items()]
    keystone.call("POST", "/registered_limits", {"registered_limits": wish})
    return identity


@pytest.fixture(scope="module")
def web():
    remote = Remote()
    yield remote
    remote.close()


@pytest.fixture(scope="module")
def limited(keystone, image_service, tmp_path_factory, web):
    """A service that keeps projects to those limits, API and registry apart."""
    settings = options(keystone, **READS_LIMITS, **reaching(web))
    with running(make_service(tmp_path_factory.mktemp("limited") / "data", "apart", "keystone", **settings)) as started:
        yield started
        assert started.fsck().returncode == 0


@pytest.fixture
def saver(keystone, limited, image_service) -> Saver:
    return Saver(keystone, limited.url, image_service)


@contextmanager
def uploading(caller: Caller, image_id: str, data: bytes, declared: bool = True) -> Iterator[Callable[[], int]]:
    """An upload that has begun and sends its last byte when the block ends; the function then tells its status."""
    go, replies = threading.Event(), []

    def parts() -> Iterator[bytes]:
        yield data[:-1]
        go.wait(30)
        yield data[-1:]

    def send() -> None:
        length = {"Content_Length": str(len(data))} if declared else {}
        replies.append(caller.upload(image_id, parts(), **length).status)

    thread = threading.Thread(target=send)
    thread.start()
    deadline = time.monotonic() + 20
    while caller.show(image_id)["status"] != "saving" and time.monotonic() < deadline:
        time.sleep(0.02)
    try:
        yield lambda: replies[0]
    finally:
        go.set()
        thread.join(60)


def test_an_image_too_many_is_refused_and_deleting_one_makes_room(saver):
    saver.limit(image_count_total=2)
    first = saver.create()
    saver.create()

    reply = saver.post("/v2/images", {})

    assert reply.status == 413
    assert reply.json["message"] == (
        f"The limit on image_count_total of project {saver.id} has been exceeded. Used: 2, asked for: 1, limit: 2."
    )
    assert saver.delete(f"/v2/images/{first['id']}").status == 204
    assert saver.post("/v2/images", {}).status == 201


def test_data_beyond_the_limit_is_refused_before_it_is_sent(saver):
    saver.limit(image_size_total=1)
    full = saver.create_with(b"x" * MIB)
    image = saver.create()

    reply = saver.upload(image["id"], b"x")

    assert reply.status == 413
    assert "image_size_total" in reply.json["message"]
    assert "Used: 1, asked for: 1, limit: 1." in reply.json["message"]
    assert saver.show(image["id"])["status"] == "queued"
    assert saver.delete(f"/v2/images/{full['id']}").status == 204
    assert saver.upload(image["id"], b"x").status == 204


def test_data_of_unknown_length_is_cut_off_at_the_limit(saver):
    saver.limit(image_size_total=1)
    image = saver.create()

    reply = saver.upload(image["id"], iter([b"x" * MIB, b"x"]))

    assert reply.status == 413
    assert "image_size_total" in reply.json["message"]
    assert saver.show(image["id"])["status"] == "queued"
    assert saver.usage()["image_size_total"] == (0, 1)
    assert saver.upload(image["id"], iter([b"x" * MIB])).status == 204


def test_bytes_announced_by_an_upload_under_way_count(saver):
    saver.limit(image_size_total=1)
    slow, late = saver.create(), saver.create()

    with uploading(saver, slow["id"], b"x" * MIB) as outcome:
        assert saver.usage()["image_size_total"] == (1, 1)
        assert saver.upload(late["id"], b"x").status == 413

    assert outcome() == 204


def test_of_two_uploads_of_unknown_length_only_what_fits_arrives(saver):
    saver.limit(image_size_total=1)
    slow, quick = saver.create(), saver.create()

    with uploading(saver, slow["id"], b"x" * (MIB // 2 + 1), declared=False) as outcome:
        assert saver.upload(quick["id"], iter([b"y" * (MIB // 2)])).status == 204

    assert outcome() == 413
    assert (saver.show(slow["id"])["status"], saver.show(quick["id"])["status"]) == ("queued", "active")


def test_an_upload_too_many_at_a_time_is_refused(saver):
    saver.limit(image_count_uploading=1)
    slow, late = saver.create(), saver.create()

    with uploading(saver, slow["id"], b"data") as outcome:
        reply = saver.upload(late["id"], b"data")
        assert saver.usage()["image_count_uploading"] == (1, 1)

    assert (reply.status, outcome()) == (413, 204)
    assert "image_count_uploading" in reply.json["message"]
    assert saver.upload(late["id"], b"data").status == 204


def test_no_race_gets_past_a_limit(saver):
    saver.limit(image_count_total=5, image_size_total=1, image_count_uploading=-1)
    with ThreadPoolExecutor(10) as pool:
        created = list(pool.map(lambda _: saver.post("/v2/images", {"disk_format": "raw", "container_format": "bare"}),
                                range(10)))  # fmt: skip
        images = [reply.json["id"] for reply in created if reply.status == 201]
        sent = list(pool.map(lambda image: saver.upload(image, iter([b"x" * 400_000])).status, images))

    assert sorted(reply.status for reply in created) == [201] * 5 + [413] * 5
    assert sorted(sent) == [204] * 2 + [413] * 3
    assert saver.usage()["image_size_total"] == (0, 1), "800000 bytes are no whole MiB"


def test_who_has_no_limit_of_their_own_has_the_one_of_all(saver):
    assert {name: limit for name, (_, limit) in saver.usage().items()} == DEFAULTS
    for _ in range(4):
        saver.create()

    assert saver.post("/v2/images", {}).status == 413


def test_a_limit_of_minus_one_is_none(saver):
    saver.limit(image_count_total=-1)
    for _ in range(5):
        saver.create()

    assert saver.usage()["image_count_total"] == (5, -1)


def test_what_an_administrator_gives_a_project_counts_as_the_projects(saver, cast):
    saver.limit(image_count_total=1)
    admin = Caller(saver.url, cast.admin.token)
    assert admin.create(owner=saver.id)["owner"] == saver.id

    assert admin.post("/v2/images", {"owner": saver.id}).status == 413
    assert saver.post("/v2/images", {}).status == 413


def test_usage_is_told_in_whole_mebibytes_and_is_ones_own(saver, cast):
    saver.create_with(b"x" * (2 * MIB - 1))
    saver.create_with(b"x" * (MIB + 1))

    assert saver.usage() == {
        "image_size_total": (3, 5),
        "image_stage_total": (0, 5),
        "image_count_total": (2, 4),
        "image_count_uploading": (0, 2),
    }
    stranger = Caller(saver.url, cast.foreign.token)
    assert stranger.get("/v2/info/usage").json["usage"]["image_count_total"] == {"usage": 0, "limit": 4}


def test_a_resource_without_a_registered_limit_is_refused_with_a_sentence(keystone, start_service, cast):
    bare = keystone.make("service", type="image-elsewhere", name="bare")
    url = "http://127.0.0.1:1"
    endpoint = keystone.make("endpoint", service_id=bare, interface="public", url=url, region_id="RegionOne")
    service = start_service(auth="keystone", **options(keystone, OSLO_LIMIT_ENDPOINT_ID=endpoint, **READS_LIMITS))
    caller = Caller(service.url, cast.member.token)

    reply = caller.post("/v2/images", {})

    assert reply.status == 413
    assert reply.json["message"] == (
        "Keystone has no limit on image_count_total registered; without one nothing is allowed."
    )
    assert caller.get("/v2/info/usage").json["usage"]["image_count_total"] == {"usage": 0, "limit": 0}


@pytest.mark.parametrize(
    "wrong",
    [
        {"OSLO_LIMIT_AUTH_URL": f"http://127.0.0.1:{free_port()}/v3"},
        {"OSLO_LIMIT_PASSWORD": "wrong"},
        {"OSLO_LIMIT_ENDPOINT_ID": "nonsense"},
    ],
    ids=["keystone is down", "not let in", "no such endpoint"],
)
def test_limits_that_cannot_be_read_are_503_and_stop_only_what_they_limit(keystone, start_service, cast, wrong):
    service = start_service(auth="keystone", **options(keystone, **(READS_LIMITS | wrong)))
    caller = Caller(service.url, cast.member.token)

    reply = caller.post("/v2/images", {})

    assert (reply.status, reply.headers["Retry-After"]) == (503, "2")
    assert reply.json["message"] == "Keystone, which keeps the limits, cannot be asked at the moment."
    assert caller.get("/v2/info/usage").status == 503
    assert caller.get("/v2/images").json["images"] == []


# Imports --------------------------------------------------------------------------------------------------------------


def test_staged_data_counts_as_staged(saver):
    saver.limit(image_stage_total=1, image_count_uploading=1)
    first, late = saver.create(), saver.create()
    assert stage(saver, first["id"], b"x" * MIB).status == 204
    assert saver.usage()["image_stage_total"] == (1, 1)
    assert saver.usage()["image_size_total"] == (0, 5)

    reply = stage(saver, late["id"], b"x")

    assert (reply.status, "image_" in reply.json["message"]) == (413, True)
    assert_untouched(saver, late["id"])
    assert run_import(saver, first["id"], "glance-direct")["status"] == "success"
    assert (saver.usage()["image_stage_total"], saver.usage()["image_size_total"]) == ((0, 1), (1, 5))
    assert stage(saver, late["id"], b"x").status == 204


def test_staged_data_of_unknown_length_is_cut_off_at_the_limit(saver):
    saver.limit(image_stage_total=1)
    image = saver.create()
    reply = saver.put(
        f"/v2/images/{image['id']}/stage", iter([b"x" * MIB, b"x"]), content_type="application/octet-stream"
    )
    assert reply.status == 413
    assert_untouched(saver, image["id"])
    assert saver.usage()["image_stage_total"] == (0, 1)


def test_who_has_too_much_already_imports_nothing_and_is_told_before_all_else(saver):
    image = saver.create_with(b"x" * 2 * MIB)
    other = saver.create()
    saver.limit(image_size_total=1)

    for image_id in (other["id"], str(uuid.uuid4())):
        reply = start(saver, image_id, "web-download", uri="ftp://x")
        assert (reply.status, "image_size_total" in reply.json["message"]) == (413, True), reply.text

    assert start(saver, other["id"], "nonsense").status == 400
    assert saver.delete(f"/v2/images/{image['id']}").status == 204
    assert start(saver, other["id"], "web-download", uri="ftp://x").status == 400


def test_data_beyond_the_limit_fails_its_import(saver):
    saver.limit(image_size_total=1)
    image = saver.create()
    assert stage(saver, image["id"], b"x" * (MIB + 1)).status == 204
    task = run_import(saver, image["id"], "glance-direct")
    assert (task["status"], "image_size_total" in task["message"]) == ("failure", True), task
    after = saver.show(image["id"])
    assert (after["status"], after["size"], after["checksum"]) == ("uploading", MIB + 1, None)
    assert saver.usage()["image_size_total"] == (0, 1)
    assert saver.usage()["image_stage_total"][0] in (1, 2)  # told in whole MiB


@pytest.mark.parametrize("limit", ["image_stage_total", "image_size_total"])
@pytest.mark.parametrize("length", [True, False])
def test_what_is_fetched_beyond_the_limit_fails_its_import(saver, web, limit, length):
    saver.limit(**{limit: 1})
    image, data = saver.create(), b"x" * (2 * MIB)
    web.pages["/big"] = answer(data) if length else answer(data, Content_Length=None)
    task = run_import(saver, image["id"], "web-download", uri=web.url("/big"))
    assert (task["status"], limit in task["message"]) == ("failure", True), task
    assert_untouched(saver, image["id"])
    usage = saver.usage()
    assert {usage[name][0] for name in ("image_stage_total", "image_size_total", "image_count_uploading")} == {0}


def test_a_download_too_many_at_a_time_fails(saver, web):
    saver.limit(image_count_uploading=1)
    slow, image = saver.create(), saver.create()
    web.pages["/small"] = answer(b"data")
    with uploading(saver, slow["id"], b"data") as outcome:
        assert start(saver, image["id"], "web-download", uri=web.url("/small")).status == 202
        task = ended_task(saver, image["id"])
        assert (task["status"], "image_count_uploading" in task["message"]) == ("failure", True), task
    assert outcome() == 204
    assert_untouched(saver, image["id"])
    assert run_import(saver, image["id"], "web-download", uri=web.url("/small"))["status"] == "success"


# Usage where limits are off -------------------------------------------------------------------------------------------


def test_usage_is_empty_where_limits_are_off(cast):
    assert cast.member.get("/v2/info/usage").json == {"usage": {}}
    assert cast.reader.get("/v2/info/usage").status == 200
    assert cast.bearing("").get("/v2/info/usage").status == 401


def test_usage_takes_no_body_and_no_other_method(cast):
    assert cast.member.request("GET", "/v2/info/usage", {}).status == 400
    for method in ("POST", "PUT", "PATCH", "DELETE", "HEAD"):
        reply = cast.member.request(method, "/v2/info/usage")
        assert (method, reply.status, reply.headers["Allow"]) == (method, 405, "GET")
