"""The locations API: who says where a new image's data is, what is asked of it, and what becomes of the image."""

import hashlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from api import disks
from fakes.remote import Asked, Remote, answer, silence
from harness import Api, Reply, Service, make_service, running
from importing import ENDED, ended_task, reaching, start, tasks_of, wait_for

pytestmark = pytest.mark.slow

DATA = bytes(range(256)) * 3000
NOBODY = "00000000-0000-4000-8000-00000000dead"
DIGITS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
HASHES = ("checksum", "os_hash_algo", "os_hash_value")
Start = Callable[..., Service]


@dataclass
class Page:
    """A page that fails so many times when its data is asked for, and may wait for a test before it sends it."""

    data: bytes = DATA
    failures: int = 0
    waits: bool = False
    asked: list[str] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Any:
        self.asked.append(asked.method)
        if asked.method == "HEAD":
            return answer(Content_Length=len(self.data))
        if self.failures:
            self.failures -= 1
            return answer(b"SECRET", "503 Service Unavailable")
        if self.waits:
            whole = answer(self.data)
            return [whole[: -len(self.data)], self._wait, whole[-len(self.data) :]]
        return answer(self.data)

    def _wait(self, ended: Any) -> None:
        while self.waits and not ended.is_set():
            ended.wait(0.02)


@pytest.fixture(scope="module")
def web() -> Iterator[Remote]:
    remote = Remote()
    yield remote
    remote.close()


@pytest.fixture(scope="module", params=["together", pytest.param("apart", marks=pytest.mark.slow)])
def services(
    request: pytest.FixtureRequest, web: Remote, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[bool, Service]]:
    """A service that hashes what locations name (the default), and one that does not."""
    folder = tmp_path_factory.mktemp(f"places-{request.param}")
    settings = reaching(web)
    with (
        running(make_service(folder / "secure", request.param, **settings)) as secure,
        running(make_service(folder / "quick", request.param, DO_SECURE_HASH="false", **settings)) as quick,
    ):
        yield {True: secure, False: quick}


@pytest.fixture
def api(services: dict[bool, Service]) -> Api:
    return Api(services[True].url)


@pytest.fixture
def quick(services: dict[bool, Service]) -> Api:
    return Api(services[False].url)


@pytest.fixture
def put(web: Remote) -> Callable[..., str]:
    """Puts a page on the web; its URL."""

    def put_page(page: Any = None) -> str:
        target = f"/{uuid.uuid4().hex}"
        web.pages[target] = Page() if page is None else page
        return web.url(target)

    return put_page


def add(api: Api, image_id: str, url: Any, given: Any = None, **more: Any) -> Reply:
    body = {"url": url} | ({} if given is None else {"validation_data": given}) | more
    return api.post(f"/v2/images/{image_id}/locations", body)


def hash_of(algorithm: str, data: bytes = DATA) -> dict[str, str]:
    return {"os_hash_algo": algorithm, "os_hash_value": hashlib.new(algorithm, data).hexdigest()}


# The four flows -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", DIGITS)
def test_data_is_read_and_compared_before_the_image_is_active(
    api: Api, put: Callable[..., str], algorithm: str
) -> None:
    page = Page(waits=True)
    image = api.create()
    reply = add(api, image["id"], put(page), hash_of(algorithm))
    assert (reply.status, reply.body) == (202, b"")
    wait_for(lambda: api.show(image["id"])["status"] == "importing")
    assert api.get(image["file"]).status == 204
    page.waits = False
    task = ended_task(api, image["id"])
    assert (task["type"], task["status"], task["result"]) == ("location_import", "success", {"image_id": image["id"]})
    done = api.show(image["id"])
    assert (done["status"], done["size"], done["virtual_size"]) == ("active", len(DATA), len(DATA))
    assert {name: done[name] for name in HASHES} == hash_of(algorithm) | {"checksum": hashlib.md5(DATA).hexdigest()}
    assert "os_glance_import_task" not in done
    assert api.get(image["file"]).body == DATA


def test_data_that_is_not_what_was_said_leaves_the_image_queued(api: Api, put: Callable[..., str]) -> None:
    image, url = api.create(), put()
    assert add(api, image["id"], url, hash_of("sha256", b"other")).status == 202
    task = ended_task(api, image["id"])
    assert (task["status"], "sha256" in task["message"]) == ("failure", True), task
    after = api.show(image["id"])
    assert (after["status"], {after[name] for name in HASHES}) == ("queued", {None})
    # clients look there for what was refused; its data is not served
    assert [place["url"] for place in api.as_admin().get(f"/v2/images/{image['id']}/locations").json] == [url]
    assert api.get(image["file"]).status == 204
    assert api.as_admin().get(image["file"]).status == 204
    assert api.delete(f"/v2/images/{image['id']}").status == 204


def test_without_a_hash_the_image_is_active_before_its_data_is_read(api: Api, put: Callable[..., str]) -> None:
    page = Page(waits=True)
    image = api.create()
    assert add(api, image["id"], put(page)).status == 202
    wait_for(lambda: api.show(image["id"])["status"] == "active")
    wait_for(lambda: api.show(image["id"])["os_hash_algo"] == "sha512")
    now = api.show(image["id"])
    assert (now["size"], now["checksum"], now["os_hash_value"]) == (len(DATA), None, None)
    wait_for(lambda: tasks_of(api, image["id"])[0]["status"] == "processing")
    page.waits = False
    assert ended_task(api, image["id"])["status"] == "success"
    done = api.show(image["id"])
    assert {name: done[name] for name in HASHES} == hash_of("sha512") | {"checksum": hashlib.md5(DATA).hexdigest()}


def test_data_that_is_not_safe_to_open_is_closed_when_it_is_found_out(api: Api, put: Callable[..., str]) -> None:
    image = api.create(disk_format="qcow2")
    assert add(api, image["id"], put(answer(disks.qcow2(backing="/etc/passwd")))).status == 202
    task = ended_task(api, image["id"])
    assert (task["status"], "failed safety checks" in task["message"]) == ("failure", True), task
    assert api.show(image["id"])["status"] == "deactivated"
    assert api.get(image["file"]).status == 403


def test_a_service_that_reads_nothing_believes_a_hash(quick: Api, put: Callable[..., str]) -> None:
    page = Page()
    image, other = quick.create(), quick.create()
    assert add(quick, image["id"], put(page), hash_of("sha256", b"other")).status == 202
    assert ended_task(quick, image["id"])["status"] == "success"
    done = quick.show(image["id"])
    assert {name: done[name] for name in HASHES} == hash_of("sha256", b"other") | {"checksum": None}
    assert (done["status"], done["size"]) == ("active", len(DATA))
    assert add(quick, other["id"], put(page)).status == 202
    assert ended_task(quick, other["id"])["status"] == "success"
    done = quick.show(other["id"])
    assert (done["status"], {done[name] for name in HASHES}) == ("active", {None})
    assert "GET" not in page.asked


# A place that fails ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [None, hash_of("sha256")], ids=["no hash", "a hash"])
def test_a_place_that_fails_is_asked_again(api: Api, put: Callable[..., str], given: Any) -> None:
    page = Page(failures=2)
    image = api.create()
    assert add(api, image["id"], put(page), given).status == 202
    assert ended_task(api, image["id"])["status"] == "success"
    assert page.asked.count("GET") == 3
    assert api.show(image["id"])["os_hash_value"] == hash_of("sha256" if given else "sha512")["os_hash_value"]


def test_a_place_that_fails_three_times_more_is_given_up(api: Api, put: Callable[..., str]) -> None:
    page = Page(failures=99)
    image = api.create()
    assert add(api, image["id"], put(page), hash_of("md5")).status == 202
    task = ended_task(api, image["id"])
    assert (task["status"], "SECRET" in task["message"]) == ("failure", False), task
    assert page.asked.count("GET") == 4
    after = api.show(image["id"])
    assert (after["status"], {after[name] for name in HASHES}) == ("queued", {None})


@pytest.mark.parametrize("is_secure", [True, False])
@pytest.mark.parametrize(
    "page",
    [answer(b"SECRET", "404 Not Found"), answer(b""), answer(b"SECRET", Content_Length=None), answer(b"", "500 x")],
    ids=["not there", "empty", "of no known size", "broken"],
)
def test_a_place_without_data_leaves_the_image_queued(
    services: dict[bool, Service], put: Callable[..., str], page: bytes, is_secure: bool
) -> None:
    api = Api(services[is_secure].url)
    image = api.create()
    for given in (None, hash_of("md5")):
        assert add(api, image["id"], put(page), given).status == 202
        task = wait_for(lambda: (t := tasks_of(api, image["id"])[-1])["status"] in ENDED and t)
        assert (task["status"], "SECRET" in task["message"]) == ("failure", False), task
        after = api.show(image["id"])
        assert (after["status"], after["size"]) == ("queued", None)
        assert api.as_admin().get(f"/v2/images/{image['id']}/locations").json == []
        assert after["os_glance_import_error"] == task["message"]
    # it takes another one
    assert add(api, image["id"], put()).status == 202
    assert ended_task(api, image["id"])["status"] == "success"
    assert "os_glance_import_error" not in api.show(image["id"])


def test_an_image_without_formats_does_not_become_active(api: Api, put: Callable[..., str]) -> None:
    image_id = api.post("/v2/images", {}).json["id"]
    assert add(api, image_id, put()).status in (202, 400, 409)
    assert api.show(image_id)["status"] == "queued"


# What is refused at once ----------------------------------------------------------------------------------------------

BODIES: tuple[tuple[Any, str], ...] = (
    (b"", "Body expected"),
    (b"{", "Malformed JSON"),
    ([], "'url'"),
    ({}, "'url'"),
    ({"url": None}, "'url'"),
    ({"url": 5}, "'url'"),
    ({"url": ["http://x/"]}, "'url'"),
    ({"url": ""}, "URL"),
    ({"url": "http"}, "URL"),
    ({"url": "http:/x"}, "URL"),
    ({"url": "http://"}, "URL"),
    ({"url": "http://x/" + "a" * 5000}, "URL"),
    ({"validation_data": {}}, "'url'"),
    ({"url": "http://x/", "validation_data": []}, "validation_data"),
    ({"url": "http://x/", "validation_data": "md5"}, "validation_data"),
    ({"url": "http://x/", "validation_data": {"os_hash_algo": "md5"}}, "os_hash_value"),
    ({"url": "http://x/", "validation_data": {"os_hash_value": "0" * 32}}, "os_hash_algo"),
    ({"url": "http://x/", "validation_data": {"os_hash_algo": "md4", "os_hash_value": "0" * 32}}, "os_hash_algo"),
    ({"url": "http://x/", "validation_data": {"os_hash_algo": [], "os_hash_value": "0" * 32}}, "os_hash_algo"),
    ({"url": "http://x/", "validation_data": hash_of("md5") | {"checksum": "x"}}, "nothing else"),
    *(
        ({"url": "http://x/", "validation_data": {"os_hash_algo": name, "os_hash_value": value}}, "os_hash_value")
        for name, digits in DIGITS.items()
        for value in ("0" * (digits - 1), "0" * (digits + 1), "g" * digits, "", " " * digits, 5)
    ),
)


@pytest.mark.parametrize(("body", "words"), BODIES, ids=[ascii(body)[:80] for body, _ in BODIES])
def test_a_body_that_names_no_place_is_refused(api: Api, body: Any, words: str) -> None:
    image = api.create()
    for caller in (api, api.as_admin()):
        reply = caller.post(f"/v2/images/{image['id']}/locations", body)
        assert (reply.status, words in reply.json["message"]) == (400, True), reply.text
    assert tasks_of(api, image["id"]) == []


def test_keys_that_nobody_knows_are_let_pass(api: Api, put: Callable[..., str]) -> None:
    image = api.create()
    assert add(api, image["id"], put(), metadata={"x": 1}, other=[]).status == 202
    assert ended_task(api, image["id"])["status"] == "success"


def test_upper_case_digits_are_the_same(api: Api, put: Callable[..., str]) -> None:
    image, given = api.create(), hash_of("sha1")
    assert add(api, image["id"], put(), given | {"os_hash_value": given["os_hash_value"].upper()}).status == 202
    assert ended_task(api, image["id"])["status"] == "success"


def test_who_may_say_where_data_is(api: Api, put: Callable[..., str]) -> None:
    image = api.create()
    service = api.as_project("service-project", "service,reader")
    seen = api.create(visibility="community")
    assert add(api.as_reader(), image["id"], put()).status == 403
    assert add(api.as_stranger(), image["id"], put()).status == 404
    assert add(api.as_stranger(), seen["id"], put()).status == 403
    assert add(api, NOBODY, put()).status == 404
    for caller in (api, api.as_admin(), service):
        made = api.create(visibility="community")
        assert add(caller, made["id"], put()).status == 202, caller.roles
        assert ended_task(api.as_admin(), made["id"])["status"] == "success"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "swift://c/o", "rbd://x/y/z/snap", "cinder://v", "xhttp://x/"])
def test_members_name_places_on_the_web_only(api: Api, url: str) -> None:
    image = api.create()
    assert add(api, image["id"], url).status == 403
    assert add(api.as_admin(), image["id"], url).status == 400
    assert api.show(image["id"])["status"] == "queued"


def test_a_service_without_the_http_store_knows_no_places(put: Callable[..., str], start_service: Start) -> None:
    api = Api(start_service(GLANCE_STORE_STORES="file").url)
    image = api.create()
    assert add(api, image["id"], put()).status == 403


def test_only_a_queued_image_that_nobody_works_on_takes_a_place(api: Api, put: Callable[..., str]) -> None:
    active = api.create_with(b"data")
    assert add(api, active["id"], put()).status == 409
    page = Page(waits=True)
    locked = api.create()
    assert add(api, locked["id"], put(page), hash_of("md5")).status == 202
    assert add(api, locked["id"], put()).status == 409
    wait_for(lambda: api.show(locked["id"])["status"] == "importing")
    assert add(api, locked["id"], put()).status == 409
    page.waits = False
    ended_task(api, locked["id"])


def test_an_image_whose_place_is_being_asked_takes_no_other_data(api: Api, put: Callable[..., str]) -> None:
    held = put(lambda asked: [silence])
    image = api.create()
    assert add(api, image["id"], held).status == 202
    assert add(api, image["id"], put()).status == 409
    assert start(api, image["id"], "web-download", uri=put()).status == 409
    assert api.show(image["id"])["status"] == "queued"


# Looking at them ------------------------------------------------------------------------------------------------------


def test_places_are_told_to_services_and_administrators(api: Api, put: Callable[..., str]) -> None:
    image, url = api.create(), put()
    path = f"/v2/images/{image['id']}/locations"
    assert add(api, image["id"], url).status == 202
    ended_task(api, image["id"])
    reply = api.as_admin().get(path)
    assert (reply.status, reply.json) == (200, [{"url": url, "metadata": {"store": "http"}}])
    assert api.as_project(api.project, "service,reader").get(path).status == 200
    assert api.get(path).status == 403
    assert api.as_reader().get(path).status == 403
    assert api.as_stranger().get(path).status == 404
    assert api.as_project("elsewhere", "service").get(path).status == 404
    assert api.as_admin().request("GET", path, b"{}").status == 400
    assert api.as_admin().get(f"/v2/images/{NOBODY}/locations").status == 404
    assert api.as_admin().get(f"/v2/images/{api.create()['id']}/locations").json == []
