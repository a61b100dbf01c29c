"""What an import that does not succeed leaves: of its image, its copies, its staged data and its task."""

import os
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fakes.remote import RESET, Remote, answer
from harness import Api, Service, make_service, running
from importing import (
    DATA,
    Gate,
    Trickle,
    assert_untouched,
    create_staged,
    ended_task,
    files_of,
    is_clean,
    reaching,
    run_import,
    spoiled,
    start,
    wait_for,
)

BROKEN = {"ENABLED_BACKENDS": "fast:file,slow:file,broken:file", "GLANCE_STORE_DEFAULT_BACKEND": "fast"}
REASON = "os_glance_import_error"
QUIET = {"os_glance_import_task", "os_glance_import_progress"}


@dataclass
class Place:
    """A service one of whose three stores cannot be used, and a web server."""

    service: Service
    web: Remote

    def __post_init__(self) -> None:
        self.api = Api(self.service.url)
        self.admin = self.api.as_admin()

    def prepare(self, name: str, data: bytes = DATA) -> tuple[dict[str, Any], dict[str, Any]]:
        """An image that is ready for this method, and what the request says beside its name."""
        if name == "glance-direct":
            return create_staged(self.api, data), {}
        if name == "copy-image":
            return self.api.create_with(data), {}
        target = f"/{uuid.uuid4().hex}"
        self.web.pages[target] = answer(data)
        return self.api.create(), {"uri": self.web.url(target)}


@pytest.fixture(scope="module")
def web() -> Iterator[Remote]:
    remote = Remote()
    yield remote
    remote.close()


@pytest.fixture(scope="module", params=["together", pytest.param("apart", marks=pytest.mark.slow)])
def service(request: pytest.FixtureRequest, web: Remote, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    data_dir = tmp_path_factory.mktemp(f"failures-{request.param}") / "data"
    settings = reaching(web, REGISTRY_LEASE_SECONDS="2", **BROKEN)
    with (
        running(make_service(data_dir, request.param, **settings)) as service,
        spoiled(service, "broken"),
    ):
        yield service


@pytest.fixture
def place(service: Service, web: Remote) -> Place:
    return Place(service, web)


def assert_quiet(image: dict[str, Any]) -> None:
    """No lock and no progress; a list of what is to come that is empty."""
    assert not QUIET & set(image), image
    assert image["os_glance_importing_to_stores"] == ""


# Stores ---------------------------------------------------------------------------------------------------------------

AFTER = {"glance-direct": "uploading", "web-download": "queued", "copy-image": "active"}


@pytest.mark.parametrize("order", ["fast,broken,slow", "broken,fast"])
@pytest.mark.parametrize("name", AFTER)
def test_a_store_that_fails_fails_the_import_and_written_copies_go(place: Place, name: str, order: str) -> None:
    image, more = place.prepare(name)
    before = files_of(place.service)
    stores = [store for store in order.split(",") if name != "copy-image" or store != "fast"]

    task = run_import(place.admin, image["id"], name, stores=stores, **more)

    assert (task["status"], task["result"]) == ("failure", None)
    assert "store 'broken' cannot be used" in task["message"]
    after = place.api.show(image["id"])
    assert (after["status"], after["os_glance_failed_import"]) == (AFTER[name], "broken")
    assert "broken" in after[REASON]
    assert_quiet(after)
    wait_for(lambda: is_clean(place.service, before))
    if name == "copy-image":
        assert (after["stores"], after["os_hash_value"]) == ("fast", image["os_hash_value"])
        assert place.api.get(image["file"]).body == DATA
        return
    assert not after.get("stores")
    assert {after[key] for key in ("checksum", "os_hash_algo", "os_hash_value", "virtual_size")} == {None}
    assert after["size"] == (len(DATA) if name == "glance-direct" else None)
    # it can be tried again at once
    assert run_import(place.api, image["id"], name, stores=["slow"], **more)["status"] == "success"
    done = place.api.show(image["id"])
    assert (done["status"], done["stores"], done["os_glance_failed_import"]) == ("active", "slow", "")
    assert REASON not in done
    assert place.api.get(image["file"]).body == DATA


@pytest.mark.parametrize("how", ["stores", "all_stores"])
@pytest.mark.parametrize("name", AFTER)
def test_a_store_may_fail_where_not_all_must_succeed(place: Place, name: str, how: str) -> None:
    image, more = place.prepare(name)
    named = ["broken", "slow"] if name == "copy-image" else ["broken", "fast", "slow"]
    chosen = {"all_stores": True} if how == "all_stores" else {"stores": named}

    task = run_import(place.admin, image["id"], name, all_stores_must_succeed=False, **chosen, **more)

    assert task["status"] == "success", task
    done = place.api.show(image["id"])
    assert (done["status"], done["stores"], done["os_glance_failed_import"]) == ("active", "fast,slow", "broken")
    assert_quiet(done)
    for store in ("fast", "slow"):
        assert place.api.get(f"{image['file']}?prefer={store}").body == DATA


@pytest.mark.parametrize("name", AFTER)
def test_where_all_stores_fail_the_import_fails(place: Place, name: str) -> None:
    image, more = place.prepare(name)
    task = run_import(place.admin, image["id"], name, all_stores_must_succeed=False, stores=["broken"], **more)
    assert task["status"] == "failure"
    after = place.api.show(image["id"])
    assert (after["status"], after["os_glance_failed_import"]) == (AFTER[name], "broken")
    assert_quiet(after)


def test_stores_are_listed_while_they_are_to_come_and_when_they_have_it(place: Place) -> None:
    """The list of stores grows while the other one shrinks; both are never without one of them."""
    image, more = place.prepare("web-download", os.urandom(8 << 20))
    seen: list[tuple[str, str]] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            now = place.api.show(image["id"])
            seen.append((now.get("os_glance_importing_to_stores", ""), now.get("stores", "")))

    watcher = threading.Thread(target=watch)
    assert start(place.api, image["id"], "web-download", stores=["slow", "fast"], **more).status == 202
    watcher.start()
    ended_task(place.api, image["id"])
    ended.set()
    watcher.join()
    seen = list(dict.fromkeys(seen))
    assert set(seen) <= {("fast,slow", ""), ("fast", "slow"), ("", "fast,slow")}, seen
    assert seen[0] == ("fast,slow", "") and place.api.show(image["id"])["stores"] == "fast,slow"


def test_stores_are_copied_to_at_the_same_time_where_that_is_configured(
    web: Remote, start_service: Callable[..., Service]
) -> None:
    service = start_service(**reaching(web, IMAGE_IMPORT_OPTS_MAX_PARALLEL_STORES="3", **BROKEN))
    api = Api(service.url)
    image = create_staged(api, os.urandom(64 << 20))
    together = threading.Event()

    def watch() -> None:
        while not together.wait(0.001):
            unfinished = {name.split("/")[1] for name in files_of(service) if name.endswith(".part")}
            if unfinished >= {"fast", "slow"}:
                together.set()

    threading.Thread(target=watch, daemon=True).start()
    with spoiled(service, "broken"):
        wanted = {"stores": ["slow", "broken", "fast"], "all_stores_must_succeed": False}
        task = run_import(api.as_admin(), image["id"], "glance-direct", **wanted)
    assert task["status"] == "success", task
    done = api.show(image["id"])
    assert (done["stores"], done["os_glance_failed_import"]) == ("fast,slow", "broken")
    assert_quiet(done)
    assert together.is_set()
    assert service.fsck("--hash").returncode == 0


# What is fetched ------------------------------------------------------------------------------------------------------

PAGES: tuple[tuple[str, Any, str], ...] = (
    ("not there", answer(b"SECRET", "404 Not Found"), "There is nothing to fetch"),
    ("refused", answer(b"SECRET", "403 Forbidden"), "it answers with status 403"),
    ("busy", answer(b"SECRET", "503 Service Unavailable"), "it answers with status 503"),
    ("cut", answer(b"SECRET", Content_Length=100), "its answer ended before it was complete"),
    ("reset", [answer(b"SECRET", Content_Length=100), RESET], "broke"),
    ("no HTTP", b"SECRET\r\n\r\n", "cannot be fetched"),
    ("too long", answer(b"", Content_Length=1 << 50), "has more than"),
    ("a lie", answer(b"SECRET", Content_Length="5, 6"), "it does not speak HTTP properly"),
)


@pytest.mark.parametrize(("what", "page", "words"), PAGES, ids=[what for what, _, _ in PAGES])
def test_what_cannot_be_fetched_leaves_the_image_queued(place: Place, what: str, page: Any, words: str) -> None:
    image, more = place.prepare("web-download")
    place.web.pages["/" + more["uri"].rpartition("/")[2]] = page
    before = files_of(place.service)

    task = run_import(place.api, image["id"], "web-download", **more)

    assert task["status"] == "failure"
    assert words in task["message"] or what == "reset", task["message"]
    after = assert_untouched(place.api, image["id"])
    assert after[REASON] == task["message"]
    assert "SECRET" not in place.service.api.log.read_text() + task["message"]
    wait_for(lambda: is_clean(place.service, before))
    place.web.pages["/" + more["uri"].rpartition("/")[2]] = answer(DATA)
    assert run_import(place.api, image["id"], "web-download", **more)["status"] == "success"
    assert REASON not in place.api.show(image["id"])


def test_an_empty_page_is_an_empty_image(place: Place) -> None:
    image, more = place.prepare("web-download", b"")
    assert run_import(place.api, image["id"], "web-download", **more)["status"] == "success"
    done = place.api.show(image["id"])
    assert (done["status"], done["size"], done["virtual_size"]) == ("active", 0, None)


# How far it is --------------------------------------------------------------------------------------------------------


def test_progress_is_told_while_data_moves(place: Place) -> None:
    data = os.urandom(400_000)  # less than what is moved at a time
    page = Trickle(data)
    image, more = place.prepare("web-download")
    place.web.pages["/" + more["uri"].rpartition("/")[2]] = lambda asked: page
    assert start(place.api, image["id"], "web-download", **more).status == 202

    def moving() -> str:
        return str(place.api.show(image["id"]).get("os_glance_import_progress", ""))

    progress = wait_for(moving)
    done, _, rest = progress.partition(" of ")
    assert int(done) <= len(data) and rest.startswith(f"{len(data)} bytes, "), progress
    task = place.api.get(f"/v2/images/{image['id']}/tasks").json["tasks"][-1]
    assert task["status"] == "processing"
    assert task["message"].startswith("Fetching from 127.0.0.1: "), task
    assert task["message"].endswith(" MiB/s")
    assert place.api.show(image["id"])["status"] == "importing"
    page.open()
    task = ended_task(place.api, image["id"])
    assert (task["status"], task["message"]) == ("success", "Copied 0 MiB")
    assert not QUIET & set(place.api.show(image["id"]))
    change = [{"op": "add", "path": "/os_glance_import_progress", "value": "all"}]
    assert place.api.patch(image["id"], change).status == 403


# What a caller enters meanwhile, and what the import itself has set ---------------------------------------------------


def test_what_a_caller_enters_during_an_import_is_theirs(place: Place) -> None:
    image, more = place.prepare("web-download")
    gate = Gate()
    place.web.pages["/" + more["uri"].rpartition("/")[2]] = lambda asked: gate
    wrong = digest_of("md5", b"other")
    assert start(place.api, image["id"], "web-download", checksum=wrong, **more).status == 202
    wait_for(lambda: place.api.show(image["id"])["status"] == "importing")
    change = [{"op": "add", "path": "/hw_disk_bus", "value": "ide"}, {"op": "replace", "path": "/name", "value": "new"}]
    assert place.api.patch(image["id"], change).status == 200
    gate.open()
    assert ended_task(place.api, image["id"])["status"] == "failure"
    after = assert_untouched(place.api, image["id"])
    assert (after["hw_disk_bus"], after["name"]) == ("ide", "new")


def test_properties_that_were_injected_go_when_the_import_fails_and_old_values_come_back(
    web: Remote, start_service: Callable[..., Service]
) -> None:
    inject = {
        "IMAGE_IMPORT_OPTS_IMAGE_IMPORT_PLUGINS": "inject_image_metadata",
        "INJECT_METADATA_PROPERTIES_INJECT": "from:web,hw_disk_bus:scsi",
    }
    api = Api(start_service(**reaching(web, **inject)).url)
    web.pages["/bad"] = answer(b"QED\0".ljust(1024, b"\0"))
    web.pages["/good"] = answer(DATA)
    image = api.create(hw_disk_bus="ide")
    assert run_import(api, image["id"], "web-download", uri=web.url("/bad"))["status"] == "failure"
    after = assert_untouched(api, image["id"])
    assert (after["hw_disk_bus"], "from" in after) == ("ide", False)
    assert run_import(api, image["id"], "web-download", uri=web.url("/good"))["status"] == "success"
    done = api.show(image["id"])
    assert (done["hw_disk_bus"], done["from"]) == ("scsi", "web")


# Checksums ------------------------------------------------------------------------------------------------------------


def digest_of(algorithm: str, data: bytes = DATA) -> str:
    import hashlib

    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
@pytest.mark.parametrize("name", ["glance-direct", "web-download"])
def test_data_with_the_promised_checksum_is_imported(place: Place, name: str, algorithm: str) -> None:
    image, more = place.prepare(name)
    task = run_import(place.api, image["id"], name, checksum=digest_of(algorithm), **more)
    assert task["status"] == "success", task
    assert place.api.show(image["id"])["os_hash_value"] == digest_of("sha512").partition(":")[2]


@pytest.mark.parametrize("name", ["glance-direct", "web-download"])
def test_data_with_another_checksum_is_not_kept(place: Place, name: str) -> None:
    before = files_of(place.service)
    image, more = place.prepare(name)
    task = run_import(place.api, image["id"], name, checksum=digest_of("sha256", b"other"), **more)
    assert task["status"] == "failure"
    assert digest_of("sha256").partition(":")[2] in task["message"]
    assert assert_untouched(place.api, image["id"])[REASON] == task["message"]
    wait_for(lambda: is_clean(place.service, before))


MALFORMED = ("", "sha256", "sha256:", "sha256:00", "rot13:00", ":00", "md5:" + "g" * 32, digest_of("md5") + "0", 5, [])


@pytest.mark.parametrize("checksum", MALFORMED, ids=ascii)
@pytest.mark.parametrize("name", ["glance-direct", "web-download"])
def test_a_checksum_that_is_none_is_refused_at_once(place: Place, name: str, checksum: Any) -> None:
    image, more = place.prepare(name)
    reply = start(place.api, image["id"], name, checksum=checksum, **more)
    assert (reply.status, "'checksum'" in reply.text) == (400, True), reply.text
    assert place.api.show(image["id"])["status"] in ("queued", "uploading")


def test_copying_has_no_checksum(place: Place) -> None:
    image, _ = place.prepare("copy-image")
    assert start(place.admin, image["id"], "copy-image", checksum=digest_of("md5"), stores=["slow"]).status == 400


def test_an_upload_may_promise_a_checksum(place: Place) -> None:
    header = "X-Openstack-Image-Checksum"
    image = place.api.create()
    before = files_of(place.service)
    for text in (*filter(lambda one: isinstance(one, str), MALFORMED), "sha256 00"):
        reply = place.api.upload(image["id"], DATA, **{header: text})
        assert (reply.status, header.lower() in reply.text.lower()) == (400, True), reply.text
        assert place.api.show(image["id"])["status"] == "queued"
    reply = place.api.upload(image["id"], DATA, **{header: digest_of("sha1", b"other")})
    assert (reply.status, digest_of("sha1").partition(":")[2] in reply.text) == (400, True), reply.text
    assert_untouched(place.api, image["id"])
    wait_for(lambda: is_clean(place.service, before))
    assert place.api.upload(image["id"], DATA, **{header: digest_of("sha1").upper()}).status == 204
    assert place.api.show(image["id"])["status"] == "active"


# Processes that die ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deployment", ["together", "apart"])
def test_an_import_is_gone_on_with_when_the_service_is_back(
    web: Remote, deployment: str, start_service: Callable[..., Service]
) -> None:
    service = start_service(deployment=deployment, **reaching(web, REGISTRY_LEASE_SECONDS="1", **BROKEN))
    api = Api(service.url)
    image = api.create()
    web.pages["/again"] = lambda asked: Trickle(os.urandom(400_000))
    assert start(api, image["id"], "web-download", uri=web.url("/again"), all_stores=True).status == 202
    wait_for(lambda: "os_glance_import_progress" in api.show(image["id"]))

    service.kill()
    web.pages["/again"] = answer(DATA)
    service.start()

    task = ended_task(api, image["id"])
    assert task["status"] == "success", task
    assert api.show(image["id"])["stores"] == "broken,fast,slow"
    wait_for(lambda: service.fsck("--hash").returncode == 0)
