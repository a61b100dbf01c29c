"""What an import is refused for, in which order, and in which words: with several stores and with one."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from databases import change_rows, read_rows
from fakes.remote import Remote, answer, silence
from harness import Api, Reply, Service, make_service, running
from importing import (
    DATA,
    STORES,
    Gate,
    assert_untouched,
    create_staged,
    ended_task,
    reaching,
    run_import,
    stage,
    start,
    tasks_of,
    wait_for,
)

METHODS = "glance-direct,web-download,copy-image,glance-download"
UNKNOWN_ID = "00000000-0000-4000-8000-00000000dead"
GOOD = {"name": "web-download", "uri": "http://images.example/x"}
REFUSED = "URI for web-download does not pass filtering: "
TWICE = "in one way only"


@dataclass
class Place:
    """A service, somebody of a project of theirs, and a web server that the service may fetch from."""

    service: Service
    web: Remote

    def __post_init__(self) -> None:
        self.api = Api(self.service.url)
        self.admin = self.api.as_admin()

    def page(self, content: Any = None) -> str:
        """The URL of a new page."""
        target = f"/{uuid.uuid4().hex}"
        self.web.pages[target] = answer(DATA) if content is None else content
        return self.web.url(target)

    def create_located(self, uri: str) -> dict[str, Any]:
        """An active image whose data lies on the web."""
        image = self.api.create()
        assert self.api.post(f"/v2/images/{image['id']}/locations", {"url": uri}).status == 202
        assert ended_task(self.api, image["id"])["status"] == "success"
        return image


@pytest.fixture(scope="module")
def web() -> Iterator[Remote]:
    remote = Remote()
    yield remote
    remote.close()


@pytest.fixture(scope="module", params=["together", pytest.param("apart", marks=pytest.mark.slow)])
def services(
    request: pytest.FixtureRequest, web: Remote, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, Service]]:
    """One with several stores, and one with a single store."""
    folder = tmp_path_factory.mktemp(f"rules-{request.param}")
    settings = reaching(web, ENABLED_IMPORT_METHODS=METHODS, DO_SECURE_HASH="false")
    with (
        running(make_service(folder / "several", request.param, **settings, **STORES)) as several,
        running(make_service(folder / "one", request.param, **settings)) as one,
    ):
        yield several, one


@pytest.fixture
def multi(services: tuple[Service, Service], web: Remote) -> Place:
    return Place(services[0], web)


@pytest.fixture
def only(services: tuple[Service, Service], web: Remote) -> Place:
    return Place(services[1], web)


@pytest.fixture(params=["several stores", "one store"])
def place(request: pytest.FixtureRequest, services: tuple[Service, Service], web: Remote) -> Place:
    return Place(services[request.param == "one store"], web)


def post(api: Api, image_id: str, body: Any, **headers: str) -> Reply:
    return api.post(f"/v2/images/{image_id}/import", body, **headers)


def assert_refused(reply: Reply, status: int, words: str = "") -> None:
    assert reply.status == status, reply.text
    assert words in reply.json["message"], reply.text


# Rows 1 to 3: the body, before its image is looked for ----------------------------------------------------------------

BODIES: tuple[tuple[Any, str], ...] = (
    (b"", "Body expected"),
    (b"{", "Malformed JSON"),
    (b"\xff", "Malformed JSON"),
    ([], "must name an import method"),
    ("web-download", "must name an import method"),
    (None, ""),
    ({}, "must name an import method"),
    ({"method": None}, "must name an import method"),
    ({"method": []}, "must name an import method"),
    ({"method": "web-download"}, "must name an import method"),
    ({"method": {}}, "must name an import method"),
    ({"method": {"name": 1}}, "must name an import method"),
    ({"method": {"name": None}}, "must name an import method"),
    ({"method": {"name": ""}}, "Unknown import method name"),
    ({"method": {"name": "Web-Download"}}, "Unknown import method name"),
    ({"method": {"name": "nonsense"}}, "Unknown import method name"),
    ({"method": {"name": "nonsense"}, "all_stores": "yes"}, "Unknown import method name"),
    ({"method": GOOD, "all_stores": "true"}, "'all_stores' must be true or false"),
    ({"method": GOOD, "all_stores": 1}, "'all_stores' must be true or false"),
    ({"method": GOOD, "all_stores": None}, "'all_stores' must be true or false"),
    ({"method": GOOD, "all_stores_must_succeed": 0}, "'all_stores_must_succeed' must be true or false"),
    ({"method": GOOD, "all_stores_must_succeed": "False"}, "'all_stores_must_succeed' must be true or false"),
    ({"method": GOOD, "stores": "fast"}, "'stores' must be a list"),
    ({"method": GOOD, "stores": {}}, "'stores' must be a list"),
    ({"method": GOOD, "stores": [1]}, "'stores' must be a list"),
    ({"method": GOOD, "stores": []}, "names no store"),
)


@pytest.mark.parametrize(("body", "words"), BODIES, ids=[ascii(body)[:60] for body, _ in BODIES])
def test_a_body_that_is_none_is_refused_before_its_image_is_looked_for(place: Place, body: Any, words: str) -> None:
    image = place.api.create()
    for image_id in (image["id"], UNKNOWN_ID):
        assert_refused(post(place.api, image_id, body), 400, words)
    assert place.api.show(image["id"])["status"] == "queued"
    assert tasks_of(place.api, image["id"]) == []


def test_glance_download_is_for_services_that_enable_it(
    start_service: Callable[..., Service],
) -> None:
    api = Api(start_service().url)
    asked = {"name": "glance-download", "glance_image_id": UNKNOWN_ID, "glance_region": "R"}
    assert_refused(post(api, api.create()["id"], {"method": asked}), 400, "Unknown import method name")
    assert api.get("/v2/info/import").json["import-methods"]["value"] == ["glance-direct", "web-download", "copy-image"]


def test_a_service_without_glance_direct_has_no_staging(start_service: Callable[..., Service]) -> None:
    api = Api(start_service(ENABLED_IMPORT_METHODS="web-download").url)
    image = api.create()
    assert stage(api, image["id"]).status == 404
    assert_refused(start(api, image["id"], "glance-direct"), 400, "Unknown import method name")


def test_keys_that_nobody_knows_are_let_pass(place: Place) -> None:
    image = place.api.create()
    body = {"method": {"name": "web-download", "uri": place.page(), "glance_region": 5, "x": {}}, "unknown": []}
    assert post(place.api, image["id"], body).status == 202
    assert ended_task(place.api, image["id"])["status"] == "success"


# Row 5: the image -----------------------------------------------------------------------------------------------------


def test_what_a_caller_does_not_see_is_not_there(place: Place) -> None:
    hidden, deleted = place.api.create(), place.api.create()
    assert place.api.delete(f"/v2/images/{deleted['id']}").status == 204
    for api, image_id in (
        (place.api, UNKNOWN_ID),
        (place.api, deleted["id"]),
        (place.api.as_stranger(), hidden["id"]),
        (place.api, "no-uuid"),
    ):
        assert_refused(start(api, image_id, "web-download", uri="ftp://x"), 404, "No image found")


# Rows 6 and 7: its status and formats ---------------------------------------------------------------------------------


def test_each_method_wants_a_status(place: Place) -> None:
    queued, staged, active = place.api.create(), create_staged(place.api), place.api.create_with(DATA)
    source = {"glance_image_id": UNKNOWN_ID, "glance_region": "R"}
    wanted = {"glance-direct": staged, "web-download": queued, "copy-image": active, "glance-download": queued}
    words = {"glance-direct": "needs to be staged"}
    for name, good in wanted.items():
        for image in (queued, staged, active):
            if image is not good:
                reply = start(place.admin, image["id"], name, uri="http://10.0.0.1/", **source)
                assert_refused(reply, 409, words.get(name, "must be"))


def test_a_deactivated_image_is_not_imported_to(place: Place) -> None:
    image = place.api.create_with(DATA)
    assert place.api.post(f"/v2/images/{image['id']}/actions/deactivate", None).status == 204
    for name in METHODS.split(","):
        assert_refused(start(place.admin, image["id"], name, uri="http://10.0.0.1/"), 409)


@pytest.mark.parametrize("missing", ["disk_format", "container_format"])
@pytest.mark.parametrize("name", ["glance-direct", "web-download", "glance-download"])
def test_formats_must_be_there_for_every_method_that_brings_data(place: Place, name: str, missing: str) -> None:
    api = place.api
    fields = {"disk_format": "raw", "container_format": "bare"}
    del fields[missing]
    reply = api.post("/v2/images", fields)
    image_id = reply.json["id"]
    if name == "glance-direct":
        assert stage(api, image_id).status == 204
    # what comes later in the order is wrong, too
    reply = start(api, image_id, name, uri="http://10.0.0.1/", glance_image_id="no uuid", glance_region="R")
    assert_refused(reply, 409, missing)


def test_the_status_is_asked_before_the_formats(place: Place) -> None:
    image_id = place.api.post("/v2/images", {}).json["id"]
    assert_refused(start(place.api, image_id, "glance-direct"), 409, "needs to be staged")


# Row 8: what glance-download names ------------------------------------------------------------------------------------

SOURCES: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, "glance_image_id and glance_region"),
    ({"glance_image_id": UNKNOWN_ID}, "glance_image_id and glance_region"),
    ({"glance_region": "R"}, "glance_image_id and glance_region"),
    ({"glance_image_id": 5, "glance_region": "R"}, "glance_image_id and glance_region"),
    ({"glance_image_id": UNKNOWN_ID, "glance_region": None}, "glance_image_id and glance_region"),
    ({"glance_image_id": "fedora", "glance_region": "R"}, "image id does not look like a UUID"),
    ({"glance_image_id": "", "glance_region": "R"}, "image id does not look like a UUID"),
    ({"glance_image_id": f"{UNKNOWN_ID}/../..", "glance_region": "R"}, "image id does not look like a UUID"),
    ({"glance_image_id": f"{UNKNOWN_ID}\n", "glance_region": "R"}, "image id does not look like a UUID"),
    (
        {"glance_image_id": UNKNOWN_ID, "glance_region": "R", "glance_service_interface": "x"},
        "glance_service_interface",
    ),
    ({"glance_image_id": UNKNOWN_ID, "glance_region": "R", "glance_service_interface": []}, "glance_service_interface"),
)


@pytest.mark.parametrize(("source", "words"), SOURCES, ids=[ascii(source) for source, _ in SOURCES])
def test_glance_download_names_an_image_and_a_region(place: Place, source: dict[str, Any], words: str) -> None:
    image = place.api.create()
    for api in (place.api, place.api.as_reader()):  # it is asked before the permission
        assert_refused(start(api, image["id"], "glance-download", **source), 400, words)
    assert_untouched(place.api, image["id"])


def test_a_region_that_no_catalog_names_fails_the_task(place: Place) -> None:
    image = place.api.create()
    task = run_import(place.api, image["id"], "glance-download", glance_image_id=UNKNOWN_ID, glance_region="Nowhere")
    assert task["status"] == "failure"
    assert "no image service in region Nowhere" in task["message"]
    assert_untouched(place.api, image["id"])


# Row 9: permission ----------------------------------------------------------------------------------------------------


def test_who_may_not_change_an_image_imports_nothing_to_it(place: Place) -> None:
    queued, staged = place.api.create(), create_staged(place.api)
    reader = place.api.as_reader()
    # what comes later in the order is wrong, too
    assert_refused(start(reader, queued["id"], "web-download", uri="ftp://x", stores=["nowhere"]), 403)
    assert_refused(start(reader, staged["id"], "glance-direct", stores=["nowhere"], all_stores=True), 403)
    # what comes earlier is told first
    assert_refused(start(reader, queued["id"], "glance-direct"), 409)


def test_a_foreign_image_that_is_seen_is_not_imported_to(place: Place) -> None:
    image = place.api.create(visibility="community")
    assert_refused(start(place.api.as_stranger(), image["id"], "web-download", uri=place.page()), 403)
    assert place.api.show(image["id"])["status"] == "queued"


def test_copying_is_for_administrators(place: Place) -> None:
    image = place.api.create_with(DATA)
    assert_refused(start(place.api, image["id"], "copy-image", stores=["nowhere"]), 403)


# Row 10: the lock -----------------------------------------------------------------------------------------------------


def test_a_locked_image_takes_no_second_import(multi: Place) -> None:
    gate = Gate()
    uri = multi.page(lambda asked: answer(DATA) if asked.method == "HEAD" else gate)
    image = multi.create_located(uri)
    assert start(multi.admin, image["id"], "copy-image", stores=["fast"]).status == 202
    locked = wait_for(lambda: multi.api.show(image["id"]).get("os_glance_import_task"))

    # before unknown stores and such are looked at
    assert_refused(start(multi.admin, image["id"], "copy-image", stores=["nowhere"]), 409, "has active task")

    assert multi.api.show(image["id"])["os_glance_import_task"] == locked
    change = [{"op": "remove", "path": "/os_glance_import_task"}]
    assert multi.admin.patch(image["id"], change).status == 403
    gate.open()
    assert ended_task(multi.admin, image["id"])["status"] == "success"
    assert multi.api.show(image["id"])["stores"] == "fast,web"


def test_an_image_that_is_importing_is_in_another_status(place: Place) -> None:
    gate = Gate()
    image = place.api.create()
    assert start(place.api, image["id"], "web-download", uri=place.page(lambda asked: gate)).status == 202
    wait_for(lambda: place.api.show(image["id"])["status"] == "importing")
    for name in ("web-download", "glance-direct"):
        assert_refused(start(place.api, image["id"], name, uri=place.page()), 409)
    assert place.api.upload(image["id"], DATA).status == 409
    assert stage(place.api, image["id"]).status == 409
    gate.open()
    assert ended_task(place.api, image["id"])["status"] == "success"


@pytest.mark.parametrize(
    ("status", "minutes", "is_free"),
    [
        ("processing", 59, False),
        ("processing", 61, True),
        pytest.param("pending", 119, False, marks=pytest.mark.slow),
        pytest.param("pending", 121, True, marks=pytest.mark.slow),
    ],
)
def test_a_lock_runs_out_when_its_task_says_nothing_for_an_hour_or_waits_for_two(
    multi: Place, status: str, minutes: int, is_free: bool
) -> None:
    uri = multi.page(lambda asked: answer(DATA) if asked.method == "HEAD" else [silence])
    image = multi.create_located(uri)
    gates = [keep_busy(multi) for _ in range(2)] if status == "pending" else []
    assert start(multi.admin, image["id"], "copy-image", stores=["fast"]).status == 202
    first = wait_for(lambda: multi.api.show(image["id"]).get("os_glance_import_task"))
    database = multi.service.database
    wait_for(lambda: read_rows(database, "SELECT status FROM tasks WHERE id = ?", first) == [(status,)])
    time.sleep(0.2)
    then = int((time.time() - minutes * 60) * 1_000_000)
    assert change_rows(database, "UPDATE tasks SET updated_at = ? WHERE id = ?", then, first) == 1

    reply = start(multi.admin, image["id"], "copy-image", stores=["slow"])

    assert (reply.status == 202) == is_free, reply.text
    tasks = {task["id"]: task for task in tasks_of(multi.admin, image["id"])}
    assert (tasks[first]["message"] == "Expired lock preempted") == is_free
    assert (tasks[first]["status"] == "failure") == is_free
    for gate in gates:
        gate.open()


def keep_busy(place: Place) -> Gate:
    """One of the two workers that a process has will be at an import that goes on when the gate is opened."""
    gate, image = Gate(), place.api.create()
    assert start(place.api, image["id"], "web-download", uri=place.page(lambda asked: gate)).status == 202
    return gate


def test_a_lock_whose_task_is_gone_is_taken_over(multi: Place) -> None:
    image = multi.api.create_with(DATA)
    database = multi.service.database
    assert run_import(multi.admin, image["id"], "copy-image", stores=["slow"])["status"] == "success"
    assert multi.admin.delete(f"/v2/stores/slow/{image['id']}").status == 204
    put_lock(database, image["id"], UNKNOWN_ID)

    assert run_import(multi.admin, image["id"], "copy-image", stores=["slow"])["status"] == "success"


def put_lock(database: str, image_id: str, task_id: str) -> None:
    """Write a lock into the image's properties behind the service's back."""
    import json

    (text,) = read_rows(database, "SELECT properties FROM images WHERE id = ?", image_id)[0]
    properties = json.loads(text) if isinstance(text, str) else dict(text)
    changed = json.dumps(properties | {"os_glance_import_task": task_id})
    assert change_rows(database, "UPDATE images SET properties = ? WHERE id = ?", changed, image_id) == 1


# Rows 11 to 13: stores ------------------------------------------------------------------------------------------------

HEADER = {"X-Image-Meta-Store": "slow"}
CHOICES: tuple[tuple[dict[str, Any], dict[str, str], int, str], ...] = (
    ({"stores": ["nowhere"]}, {}, 409, "nowhere"),
    ({"stores": ["fast", "nowhere"]}, {}, 409, "nowhere"),
    ({"stores": ["web"]}, {}, 409, "web"),
    ({"stores": ["os_glance_staging_store"]}, {}, 409, "os_glance_staging_store"),
    ({"stores": [""]}, {}, 409, ""),
    ({}, {"X-Image-Meta-Store": "nowhere"}, 409, "nowhere"),
    ({"stores": ["fast"], "all_stores": True}, {}, 400, TWICE),
    ({"stores": ["fast"]}, HEADER, 400, TWICE),
    ({"all_stores": True}, HEADER, 400, TWICE),
)


@pytest.mark.parametrize(("body", "headers", "status", "words"), CHOICES, ids=[ascii((b, h)) for b, h, _, _ in CHOICES])
def test_stores_are_named_in_one_way_and_must_be_known(
    multi: Place, body: dict[str, Any], headers: dict[str, str], status: int, words: str
) -> None:
    queued, staged, active = multi.api.create(), create_staged(multi.api), multi.api.create_with(DATA)
    for image, name in ((queued, "web-download"), (staged, "glance-direct"), (active, "copy-image")):
        # a URI that would be refused comes later
        assert_refused(start(multi.admin, image["id"], name, headers, uri="http://10.0.0.1/", **body), status, words)
        assert tasks_of(multi.api, image["id"]) == []


def test_one_store_does_not_care_for_names_of_stores(only: Place) -> None:
    for body, headers in (({"stores": ["nowhere"], "all_stores": True}, HEADER), ({"all_stores": True}, {})):
        image = create_staged(only.api)
        reply = start(only.api, image["id"], "glance-direct", headers, **body)
        assert reply.status == 202, reply.text
        assert ended_task(only.api, image["id"])["status"] == "success"


TAKEN: tuple[tuple[dict[str, Any], dict[str, str], str], ...] = (
    ({}, {}, "fast"),
    ({}, HEADER, "slow"),
    ({"stores": ["slow"]}, {}, "slow"),
    ({"stores": ["slow", "fast", "slow"]}, {}, "slow,fast"),
    ({"stores": ["slow"], "all_stores": False}, {}, "slow"),
    ({"all_stores": True, "all_stores_must_succeed": False}, {}, "fast,slow"),
)


@pytest.mark.parametrize(("body", "headers", "stores"), TAKEN, ids=[ascii((b, h)) for b, h, _ in TAKEN])
def test_the_body_goes_before_the_header_and_the_default_store_comes_last(
    multi: Place, body: dict[str, Any], headers: dict[str, str], stores: str
) -> None:
    image = create_staged(multi.api)
    assert start(multi.api, image["id"], "glance-direct", headers, **body).status == 202
    task = ended_task(multi.api, image["id"])
    assert task["status"] == "success", task
    assert task["input"]["backend"] == stores.split(",")
    assert multi.api.show(image["id"])["stores"] == ",".join(sorted(stores.split(",")))


def test_an_image_is_not_copied_to_where_it_is(multi: Place) -> None:
    image = multi.api.create_with(DATA)
    reply = start(multi.admin, image["id"], "copy-image", stores=["slow", "fast"])
    assert_refused(reply, 400, "in store 'fast' already")
    assert_refused(start(multi.admin, image["id"], "copy-image"), 400, "in store 'fast' already")
    assert multi.api.show(image["id"])["stores"] == "fast"


def test_copying_to_all_stores_leaves_out_those_that_have_it(multi: Place) -> None:
    image = multi.api.create_with(DATA)
    task = run_import(multi.admin, image["id"], "copy-image", all_stores=True)
    assert (task["status"], task["input"]["backend"]) == ("success", ["slow"])
    task = run_import(multi.admin, image["id"], "copy-image", all_stores=True)
    assert (task["status"], task["input"]["backend"]) == ("success", [])
    done = multi.api.show(image["id"])
    assert (done["status"], done["stores"]) == ("active", "fast,slow")
    assert "os_glance_import_task" not in done


def test_one_store_has_no_choice_of_success(only: Place) -> None:
    image = only.api.create()
    reply = start(only.api, image["id"], "web-download", uri="http://10.0.0.1/", all_stores_must_succeed=False)
    assert_refused(reply, 400, "all_stores_must_succeed")
    assert run_import(only.api, image["id"], "web-download", uri=only.page(), all_stores_must_succeed=True)


def test_one_store_copies_nothing(only: Place) -> None:
    image = only.api.create_with(DATA)
    assert_refused(start(only.admin, image["id"], "copy-image"), 400, "several stores")
    assert_refused(start(only.admin, image["id"], "copy-image", stores=["file"], all_stores=True), 400)


# Row 15: the URI ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("uri", [None, 5, "", "http://10.0.0.1/", "file:///etc/passwd", ["http://images.example/"]])
def test_a_uri_that_is_refused_or_missing_is_said_in_the_words_clients_know(place: Place, uri: Any) -> None:
    image = place.api.create()
    reply = start(place.api, image["id"], "web-download", **({} if uri is None else {"uri": uri}))
    assert_refused(reply, 400, REFUSED)
    if isinstance(uri, str):
        assert uri in reply.json["message"]
    assert_untouched(place.api, image["id"])
    assert tasks_of(place.api, image["id"]) == []


# Row 16: rivals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["glance-direct", "web-download", "copy-image"])
def test_of_rivals_one_imports(multi: Place, name: str) -> None:
    image = {
        "glance-direct": lambda: create_staged(multi.api),
        "web-download": multi.api.create,
        "copy-image": lambda: multi.api.create_with(DATA),
    }[name]()
    uri = multi.page()
    replies: list[Reply] = []

    def ask() -> None:
        api = multi.api.as_project(multi.api.project, "admin,member,reader")
        replies.append(start(api, image["id"], name, uri=uri, stores=["slow"]))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    statuses = sorted(reply.status for reply in replies)
    assert statuses[0] == 202 and statuses[1] >= 400, statuses
    # copy-image: one that comes after the end of the winner finds the copy there
    assert set(statuses[1:]) <= ({409, 400} if name == "copy-image" else {409})
    assert ended_task(multi.admin, image["id"])["status"] == "success"
    assert len(tasks_of(multi.admin, image["id"])) == 1
    assert multi.api.show(image["id"])["status"] == "active"


# What the answer is, and what it leaves -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["glance-direct", "web-download"])
def test_an_accepted_import_is_202_without_a_body_and_shows_where_it_is(place: Place, name: str) -> None:
    gate = Gate()
    image = create_staged(place.api) if name == "glance-direct" else place.api.create()
    uri = place.page(lambda asked: gate)
    reply = start(place.api, image["id"], name, uri=uri)
    assert (reply.status, reply.body) == (202, b"")
    gate.open()
    task = ended_task(place.api, image["id"])
    assert (task["type"], task["status"], task["owner"]) == ("api_image_import", "success", place.api.project)
    assert (task["user_id"], task["image_id"]) == (place.api.user, image["id"])
    assert task["request_id"] == reply.headers["X-Openstack-Request-Id"]
    assert task["input"]["image_id"] == image["id"]
    assert task["input"]["import_req"]["method"]["name"] == name
    assert task["result"] == {"image_id": image["id"]}
    assert set(task["input"]) == {"image_id", "import_req", "backend"}
    done = place.api.show(image["id"])
    assert (done["os_glance_importing_to_stores"], done["os_glance_failed_import"]) == ("", "")
    assert not {"os_glance_import_task", "os_glance_import_progress", "os_glance_stage_host"} & set(done)


def test_an_image_is_deleted_while_it_is_imported(place: Place) -> None:
    gate = Gate()
    image = place.api.create()
    assert start(place.api, image["id"], "web-download", uri=place.page(lambda asked: gate)).status == 202
    wait_for(lambda: place.api.show(image["id"])["status"] == "importing")
    task_id = tasks_of(place.api, image["id"])[0]["id"]
    assert place.api.delete(f"/v2/images/{image['id']}").status == 204
    gate.open()
    task = wait_for(lambda: (t := place.admin.get(f"/v2/tasks/{task_id}").json)["status"] == "failure" and t)
    assert task["message"] == "The image was deleted."
    assert place.api.get(f"/v2/images/{image['id']}").status == 404


def test_a_new_image_s_answer_names_the_methods(place: Place, start_service: Callable[..., Service]) -> None:
    """Clients look there for whether they may import at all."""
    assert place.api.post("/v2/images", {}).headers["OpenStack-image-import-methods"] == METHODS


def test_a_service_without_import_methods_names_none(start_service: Callable[..., Service]) -> None:
    api = Api(start_service(ENABLED_IMPORT_METHODS="[]").url)
    assert "OpenStack-image-import-methods" not in api.post("/v2/images", {}).headers
    assert api.get("/v2/info/import").json["import-methods"]["value"] == []
