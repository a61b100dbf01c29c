"""Imports by the command line: in two steps or at once, from the web, into several stores; how waiting ends."""

import hashlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest
from harness import command, make_service, running
from web import Web

pytestmark = pytest.mark.slow

SETTINGS = {
    "ENABLED_BACKENDS": "fast:file,slow:file,web:http",
    "GLANCE_STORE_DEFAULT_BACKEND": "fast",
    "FAST_STORE_DESCRIPTION": "daily use",
    "IMPORT_FILTERING_OPTS_ALLOWED_PORTS": "[]",
    "IMPORT_FILTERING_OPTS_ALLOWED_NETWORKS": "127.0.0.1",
}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture(scope="module", params=["together", pytest.param("apart", marks=pytest.mark.slow)])
def endpoint(request, tmp_path_factory) -> Iterator[str]:
    """A service of three stores, which fetches from this host."""
    data = tmp_path_factory.mktemp("import") / "data"
    with running(make_service(data, request.param, auth="none", **SETTINGS)) as service:
        yield service.url


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with Web() as server:
        yield server
        server.shutdown()


@pytest.fixture
def queued(glancelite, name) -> str:
    """The id of an image without data."""
    return glancelite("image", "create", name, "-f", "value", "-c", "id").out.strip()


def show(glancelite, image):
    return glancelite("image", "show", image, "-f", "json").json


def is_gone(glancelite, name):
    return glancelite("image", "list", "--name", name, "-f", "value").out == ""


# In two steps ---------------------------------------------------------------------------------------------------------


def test_staged_data_is_imported(glancelite, queued, disk):
    staged = glancelite("image", "stage", queued, "--file", disk)

    assert (staged.code, staged.out, staged.err) == (0, "", "")
    assert show(glancelite, queued)["status"] == "uploading"
    done = glancelite("image", "import", queued, "--wait", "-f", "json")
    assert (done.code, done.err) == (0, "")
    assert (done.json["status"], done.json["properties"]["stores"]) == ("active", "fast")
    assert done.json["properties"]["os_hash_value"] == hashlib.sha512(disk.read_bytes()).hexdigest()


def test_an_import_goes_on_without_being_waited_for(glancelite, queued, disk):
    glancelite("image", "stage", queued, stdin=disk.read_bytes())

    done = glancelite("image", "import", queued, "-f", "value", "-c", "status")

    assert (done.code, done.out in ("importing\n", "active\n")) == (0, True)
    deadline = time.monotonic() + 20
    while show(glancelite, queued)["status"] != "active":
        assert time.monotonic() < deadline


def test_staging_shows_how_far_it_is(glancelite, queued, disk):
    done = glancelite("image", "stage", queued, "--file", disk, "--progress", GLANCELITE_PROGRESS="json")

    assert f'{{"bytes": {disk.stat().st_size}, "total": {disk.stat().st_size}}}' in done.err


def test_nothing_is_not_staged(glancelite, queued):
    done = glancelite("image", "stage", queued)

    assert done.code == 2
    assert "There is no data to stage: give --file" in done.err
    assert show(glancelite, queued)["status"] == "queued"


def test_what_the_service_refuses_is_said_in_its_words(glancelite, queued, disk):
    too_early = glancelite("image", "import", queued)
    glancelite("image", "stage", queued, "--file", disk)
    again = glancelite("image", "stage", queued, "--file", disk)
    nowhere = glancelite("image", "import", queued, "--store", "nowhere")

    assert (too_early.code, again.code, nowhere.code) == (1, 1, 1)
    assert f"Error: Cannot import image '{queued}': " in too_early.err
    assert "needs to be staged" in too_early.err
    assert f"Cannot stage data for image '{queued}': " in again.err
    assert "HTTP 409, request req-" in again.err
    assert "nowhere" in nowhere.err


def test_a_failed_import_ends_with_its_reason_and_what_is_left(glancelite, name, disk):
    image = glancelite("image", "create", name, "--disk-format", "qcow2", "-f", "value", "-c", "id").out.strip()
    glancelite("image", "stage", image, "--file", disk)

    done = glancelite("image", "import", image, "--wait")

    assert (done.code, done.out) == (3, "")
    assert f"Error: Cannot import image '{image}': " in done.err
    assert "is declared as qcow2, but its content looks like raw. The image is queued, without data." in done.err
    assert done.err.count("\n") == 1


# From the web ---------------------------------------------------------------------------------------------------------


def test_the_service_fetches_the_data(glancelite, queued, web, disk):
    uri = web.put("/disk", disk.read_bytes())

    done = glancelite("image", "import", queued, "--method", "web-download", "--uri", uri, "--wait", "-f", "json")

    assert (done.code, done.json["status"], done.json["size"]) == (0, "active", disk.stat().st_size)


def test_waiting_for_what_is_not_there_says_so(glancelite, queued, web):
    done = glancelite("image", "import", queued, "--method", "web-download", "--uri", f"{web.url}/none", "--wait")

    assert done.code == 3
    assert f"There is nothing to fetch at {web.url}/none. The image is queued, without data." in done.err


def test_a_refused_address_is_refused_at_once(glancelite, queued):
    done = glancelite("image", "import", queued, "--method", "web-download", "--uri", "ftp://example.com/x")

    assert done.code == 1
    assert "HTTP 400" in done.err


def test_progress_of_an_import_is_told_while_it_is_waited_for(glancelite, queued, slow_web):
    words = ["image", "import", queued, "--method", "web-download", "--uri", slow_web, "--wait", "-f", "json"]

    done = glancelite(*words, GLANCELITE_PROGRESS="json")

    steps = [json.loads(line) for line in done.err.splitlines()]
    assert done.code == 0
    assert {"bytes", "total", "step"} == steps[0].keys()
    assert steps[0]["total"] == 4_000_000
    assert steps[0]["bytes"] < 4_000_000


def test_progress_is_told_in_lines_with_v_and_never_without(glancelite, queued, slow_web):
    words = ["image", "import", queued, "--method", "web-download", "--uri", slow_web, "--wait", "-f", "json"]

    assert re.search(r"^\w.*: \d MiB of 3 MiB, \d+\.\d MiB/s", glancelite(*words, "-v").err, re.M)


def test_ctrl_c_leaves_the_import_to_itself(environ, glancelite, queued, slow_web, tmp_path):
    words = ["image", "import", queued, "--method", "web-download", "--uri", slow_web, "--wait"]
    process = subprocess.Popen(command(*words), stderr=subprocess.PIPE, env=environ, cwd=tmp_path)
    deadline = time.monotonic() + 20
    while show(glancelite, queued)["status"] != "importing":
        assert time.monotonic() < deadline
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)

    assert process.returncode == 130
    assert f"Interrupted; the import of image {queued} goes on.".encode() in err
    while show(glancelite, queued)["status"] == "importing":
        assert time.monotonic() < deadline + 20
    assert show(glancelite, queued)["status"] == "active"


@pytest.fixture
def slow_web() -> Iterator[str]:
    """The URL of 4 MB that take three seconds."""
    with Web() as server:
        server.pause = 0.3
        yield server.put("/slow", os.urandom(400_000) * 10)
        server.shutdown()


def test_a_checksum_decides_what_is_taken(glancelite, queued, web, disk):
    words = ["image", "import", queued, "--method", "web-download", "--uri", web.put("/disk", disk.read_bytes())]
    sha256 = hashlib.sha256(disk.read_bytes()).hexdigest()

    wrong = glancelite(*words, "--checksum", f"sha256:{'0' * 64}", "--wait")
    right = glancelite(*words, "--checksum", f"sha256:{sha256}", "--wait", "-f", "value", "-c", "status")

    assert wrong.code == 3
    assert sha256 in wrong.err
    assert right.out == "active\n"


# Stores ---------------------------------------------------------------------------------------------------------------


def test_an_image_is_copied_to_more_stores(glancelite, name, disk):
    glancelite("image", "create", name, "--file", disk)

    done = glancelite("image", "import", name, "--method", "copy-image", "--store", "slow", "--wait", "-f", "json")

    assert (done.code, done.json["properties"]["stores"]) == (0, "fast,slow")


@pytest.mark.parametrize("words", ["--all-stores", "--store fast --store slow", "--store fast slow"])
def test_several_stores_are_named_in_each_way(glancelite, queued, disk, words):
    glancelite("image", "stage", queued, "--file", disk)

    done = glancelite("image", "import", queued, *words.split(), "--disallow-failure", "--wait", "-f", "json")

    assert (done.code, done.json["properties"]["stores"]) == (0, "fast,slow")


def test_stores_are_listed(glancelite):
    plain = glancelite("image", "stores", "list", "-f", "json").json
    detailed = glancelite("image", "stores", "list", "--detail", "-f", "json").json

    assert plain[0] == {"ID": "fast", "Description": "daily use", "Default": True}
    assert [store["ID"] for store in plain] == ["fast", "slow", "web"]
    assert "data_dir" in detailed[0]["Properties"]


def test_stores_that_the_data_missed_are_named(glancelite, canned, name):
    board = Board(canned, name)
    board.tasks = [board.task("success", "Copied 1 MiB")]
    board.image |= {"status": "active", "os_glance_failed_import": "slow", "os_glance_import_error": "It is full."}

    done = glancelite("image", "import", board.id, "--all-stores", "--wait", "-f", "json", OS_ENDPOINT=canned.url)

    assert done.code == 0
    assert done.err == f"Image '{name}' ({board.id}) is not in store slow: It is full.\n"
    assert board.asked["all_stores_must_succeed"] is False


# At once --------------------------------------------------------------------------------------------------------------


def test_create_stages_and_imports(glancelite, name, disk):
    done = glancelite("image", "create", name, "--file", disk, "--import", "--all-stores", "--wait", "-f", "json")

    assert (done.code, done.err) == (0, "")
    assert (done.json["status"], done.json["properties"]["stores"]) == ("active", "fast,slow")


def test_create_imports_what_comes_by_a_pipe(glancelite, name, disk):
    words = ["image", "create", name, "--import", "--wait", "-f", "value", "-c", "size"]

    assert glancelite(*words, stdin=disk.read_bytes()).out == f"{disk.stat().st_size}\n"


def test_create_lets_the_service_fetch(glancelite, name, web, disk):
    uri = web.put("/disk", disk.read_bytes())

    done = glancelite("image", "create", name, "--uri", uri, "--wait", "-f", "json", stdin=b"not read")

    assert (done.code, done.json["status"], done.json["size"]) == (0, "active", disk.stat().st_size)


def test_create_uploads_to_a_store(glancelite, name, disk):
    done = glancelite("image", "create", name, "--file", disk, "--store", "slow", "-f", "json")

    assert (done.json["status"], done.json["properties"]["stores"]) == ("active", "slow")


def test_an_image_whose_data_cannot_be_fetched_is_deleted_again(glancelite, name, web):
    done = glancelite("image", "create", name, "--uri", f"{web.url}/none", "--wait")

    assert (done.code, done.out) == (3, "")
    assert f"Cannot import the data of image '{name}' (" in done.err
    assert f"There is nothing to fetch at {web.url}/none. The image was deleted again." in done.err
    assert is_gone(glancelite, name)


def test_an_image_whose_data_cannot_be_fetched_may_stay(glancelite, name, web):
    done = glancelite("image", "create", name, "--uri", f"{web.url}/none", "--wait", "--keep-queued")

    assert (done.code, "The image was left queued." in done.err) == (3, True)
    assert "nothing to fetch" in show(glancelite, name)["properties"]["os_glance_import_error"]


def test_an_image_that_is_staged_stays_when_its_import_is_refused(glancelite, name, disk):
    done = glancelite("image", "create", name, "--file", disk, "--import", "--store", "nowhere")

    assert done.code == 1
    image = UUID.search(done.err)[0]
    assert f"its data staged: glancelite image import {image} tries again." in done.err
    assert glancelite("image", "import", image, "--wait", "-f", "value", "-c", "status").out == "active\n"


def test_data_of_another_checksum_never_becomes_an_image(glancelite, name, disk):
    for way in ([], ["--import", "--wait"]):
        done = glancelite("image", "create", name, "--file", disk, *way, "--checksum", f"md5:{'0' * 32}")

        assert done.code == 1
        assert f"the data's md5 is {hashlib.md5(disk.read_bytes()).hexdigest()}" in done.err
        assert is_gone(glancelite, name)


def test_data_of_the_promised_checksum_does(glancelite, name, disk):
    digest = f"SHA256:{hashlib.sha256(disk.read_bytes()).hexdigest()}"
    for way in ([], ["--import", "--wait"]):
        words = ["image", "create", name, "--file", disk, *way, "--checksum", digest, "-f", "value", "-c", "status"]

        assert glancelite(*words).out == "active\n"


# Wrong words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["import", "x", "--uri", "http://a/b"], "--uri goes with --method web-download only."),
        (["import", "x", "--method", "web-download"], "web-download needs --uri."),
        (["import", "x", "--method", "web-download", "--uri", "nowhere"], "'nowhere' is not a URL"),
        (["import", "x", "--method", "glance-download"], "glance-download needs --remote-region."),
        (["import", "x", "--remote-image", "i"], "--remote-image goes with --method glance-download only."),
        (["import", "x", "--method", "copy-image"], "copy-image needs --store or --all-stores."),
        (["import", "x", "--store", "a", "--all-stores"], "--store and --all-stores exclude each other."),
        (["import", "x", "--disallow-failure"], "go with --store or --all-stores."),
        (["import", "x", "--method", "magic"], "'magic' is not one of"),
        (["import", "x", "y"], "unexpected extra argument (y)"),
        (["import", "x", "--checksum", "sha256:1"], "a digest by sha256 has 64 hexadecimal digits."),
        (["import", "x", "--method", "copy-image", "--all-stores", "--checksum", f"md5:{'0' * 32}"],
         "--checksum goes with methods that bring data in"),
        (["create", "x", "--import"], "--import needs data"),
        (["create", "x", "--store", "fast"], "--store needs data"),
        (["create", "x", "--file", "f", "--all-stores"], "several need --import."),
        (["create", "x", "--uri", "http://a/b", "--file", "f"], "not with data that the service fetches."),
        (["create", "x", "--uri", "http://a/b", "--remote-region", "r"], "goes with --method glance-download only."),
        (["task", "list", "--status", "odd"], "'odd' is not one of"),
        (["task", "list", "x", "--marker", "y"], "--marker is for the list of all tasks."),
    ],
)  # fmt: skip
def test_options_that_do_not_go_together_are_refused_before_anything_is_asked(glancelite, words, said):
    done = glancelite("image", *words, OS_ENDPOINT="http://127.0.0.1:9")

    assert done.code == 2
    assert said in done.err


# Tasks ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def imported(glancelite, name, disk):
    """An image that was copied after it was imported: it has two tasks."""
    words = ["image", "create", name, "--file", disk, "--import", "--wait", "-f", "value", "-c", "id"]
    image = glancelite(*words).out.strip()
    assert glancelite("image", "import", image, "--method", "copy-image", "--store", "slow", "--wait").code == 0
    return image


def test_tasks_of_an_image_are_listed_the_latest_first(glancelite, imported):
    listed = glancelite("image", "task", "list", imported, "-f", "json").json
    oldest = glancelite("image", "task", "list", imported, "--sort-dir", "asc", "--limit", "1", "-f", "json").json

    assert [task["Status"] for task in listed] == ["success", "success"]
    assert listed[0].keys() == {"ID", "Type", "Status", "Owner"}
    assert oldest == [listed[1]]
    assert glancelite("image", "task", "list", "--image", imported, "-f", "json").json == listed
    assert glancelite("image", "task", "list", imported, "--status", "failure", "-f", "json").json == []


def test_all_tasks_are_listed_page_after_page(glancelite, imported):
    everything = glancelite("image", "task", "list", "-f", "json").json
    paged = glancelite("image", "task", "list", "--limit", "1", "--max-items", "2", "-f", "json").json
    behind = glancelite("image", "task", "list", "--marker", everything[0]["ID"], "--limit", "1", "-f", "json").json

    assert paged == everything[:2]
    assert behind == [everything[1]]
    assert glancelite("image", "task", "list", "--type", "import", "-f", "json").json == []


def test_a_task_is_shown(glancelite, imported):
    task = glancelite("image", "task", "list", imported, "-f", "value", "-c", "ID").out.split()[0]

    shown = glancelite("image", "task", "show", task, "-f", "json").json

    assert (shown["id"], shown["status"], shown["type"]) == (task, "success", "api_image_import")
    assert shown["input"]["import_req"]["method"] == {"name": "copy-image"}
    assert shown["result"] == {"image_id": imported}


def test_an_unknown_task_is_said_to_be_none(glancelite):
    done = glancelite("image", "task", "show", "none")

    assert done.code == 1
    assert "Error: Cannot show task 'none': " in done.err


# What the service offers ----------------------------------------------------------------------------------------------


def test_import_methods_are_shown(glancelite):
    shown = glancelite("image", "import", "info", "-f", "json").json

    assert shown == {"import-methods": ["glance-direct", "web-download", "copy-image"]}
    assert "import methods that the service offers" in glancelite("help", "image", "import", "info").out


def test_a_method_that_is_not_offered_is_answered_with_those_that_are(glancelite, queued, name):
    words = ["--remote-region", "r", "--remote-image", queued]
    imported = glancelite("image", "import", queued, "--method", "glance-download", *words)
    created = glancelite("image", "create", f"{name}-2", *words)

    for done in (imported, created):
        assert done.code == 1
        assert "does not offer the import method glance-download, only glance-direct, web-download, " in done.err
    assert is_gone(glancelite, f"{name}-2")


def test_a_service_without_imports_and_stores_is_told_from_one_that_fails(glancelite, canned, disk):
    missing = (404, {"Content-Type": "text/html"}, b"<html><h1>404 Not Found</h1></html>")
    canned.answers |= {("GET", "/v2/info/import"): missing, ("GET", "/v2/info/stores"): missing}
    canned.answers |= {("GET", "/v2/tasks"): missing}
    for words in (
        ["stage", "x", "--file", disk],
        ["import", "x"],
        ["import", "info"],
        ["create", "x", "--import", "--file", disk],
        ["create", "x", "--uri", "http://a/b"],
    ):
        done = glancelite("image", *words, OS_ENDPOINT=canned.url)

        assert (done.code, done.out) == (1, "")
        assert done.err.endswith(": The service offers no imports.\n")
    stores = glancelite("image", "stores", "list", OS_ENDPOINT=canned.url)
    assert (stores.code, stores.err) == (
        1,
        "Error: Cannot list stores: The service does not speak of several stores.\n",
    )
    assert {method for method, *_ in canned.requests} == {"GET"}


def test_what_is_no_image_service_is_said_to_be_none(glancelite, canned):
    canned.answers |= {("GET", f"/v2/{path}"): (200, {}, {}) for path in ("info/import", "info/stores", "tasks")}

    for words in (["import", "info"], ["stores", "list"], ["task", "list"]):
        assert "does not speak the Image API" in glancelite("image", *words, OS_ENDPOINT=canned.url).err


# Other services -------------------------------------------------------------------------------------------------------


class Board:
    """A service with one image, whose import goes as the test says."""

    def __init__(self, canned, name):
        self.id = "505be7df-a7ae-452b-b804-dbb0b01bbe01"
        self.image = {"id": self.id, "name": name, "status": "uploading", "tags": []}
        self.asked = None
        self.tasks = []
        path = f"/v2/images/{self.id}"
        methods = {"import-methods": {"value": ["glance-direct", "glance-download"]}}
        canned.answers |= {
            ("GET", "/v2/info/import"): (200, {}, methods),
            ("POST", f"{path}/import"): self._take,
            ("GET", path): lambda handler: handler.say(200, {}, self.image),
            ("GET", f"{path}/tasks"): self._tell,
        }

    def task(self, status, message=""):
        return {"id": "t", "status": status, "message": message, "created_at": "2026-01-02T03:04:05Z"}

    def _take(self, handler):
        self.asked = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        handler.say(202, {}, b"")

    def _tell(self, handler):
        if self.tasks is None:
            handler.say(404, {}, b"")
        else:
            handler.say(200, {}, {"tasks": self.tasks})


def test_an_old_task_is_not_taken_for_the_new_one(glancelite, canned, name):
    board = Board(canned, name)
    old = board.task("failure", "It was too long ago.") | {"created_at": "2025-01-01T00:00:00Z"}
    board.tasks = [board.task("success"), old]
    board.image["status"] = "active"

    done = glancelite("image", "import", board.id, "--wait", "-f", "json", OS_ENDPOINT=canned.url)

    assert (done.code, done.err) == (0, "")
    assert board.asked == {"method": {"name": "glance-direct"}}


def test_another_region_is_named_to_the_service(glancelite, canned, name):
    board = Board(canned, name)
    words = ["--remote-region", "north", "--remote-image", "i", "--remote-service-interface", "internal"]

    glancelite("image", "import", board.id, "--method", "glance-download", *words, OS_ENDPOINT=canned.url)

    where = {"glance_region": "north", "glance_image_id": "i", "glance_service_interface": "internal"}
    assert board.asked == {"method": {"name": "glance-download"} | where}


def test_a_step_without_figures_is_not_shown_with_those_of_the_last(glancelite, canned, name):
    board = Board(canned, name)
    board.image |= {"status": "importing", "os_glance_import_progress": "9000000 of 9000000 bytes, 10 bytes/s"}
    board.tasks = [board.task("processing", "Unpacking \x1b[2J")]
    said = iter([None])

    def tell(handler):
        if next(said, board) is board:
            board.image["status"], board.tasks[0]["status"] = "active", "success"
        handler.say(200, {}, {"tasks": board.tasks})

    canned.answers["GET", f"/v2/images/{board.id}/tasks"] = tell

    done = glancelite("image", "import", board.id, "--wait", "-v", OS_ENDPOINT=canned.url)

    assert "\nUnpacking \\x1b[2J\n" in done.err
    assert "MiB" not in done.err


@pytest.mark.parametrize(("status", "code"), [("active", 0), ("queued", 3)])
def test_without_tasks_the_image_says_how_it_went(glancelite, canned, name, status, code):
    board = Board(canned, name)
    board.tasks = None
    board.image["status"] = status

    done = glancelite("image", "import", board.id, "--wait", "-f", "json", OS_ENDPOINT=canned.url)

    assert done.code == code
    assert ("the service does not say why. The image is queued, without data." in done.err) is bool(code)


def test_an_image_that_goes_while_it_is_imported_is_said_to_be_gone(glancelite, canned, name):
    board = Board(canned, name)
    canned.answers["GET", f"/v2/images/{board.id}"] = iter_answers(board.image)

    done = glancelite("image", "import", board.id, "--wait", OS_ENDPOINT=canned.url)

    assert done.code == 3
    assert "the image was deleted meanwhile." in done.err


def test_a_service_that_is_away_for_a_moment_is_asked_again(glancelite, canned, name):
    board = Board(canned, name)
    board.image["status"] = "active"
    answers = iter([503, 502])

    def tell(handler):
        status = next(answers, 200)
        handler.say(status, {}, {"tasks": [board.task("success")]} if status == 200 else b"")

    canned.answers["GET", f"/v2/images/{board.id}/tasks"] = tell

    done = glancelite("image", "import", board.id, "--wait", "-f", "json", OS_ENDPOINT=canned.url)

    assert (done.code, done.json["status"]) == (0, "active")


def iter_answers(image):
    """First the image, then nothing."""
    left = iter([image])

    def answer(handler):
        found = next(left, None)
        handler.say(200 if found else 404, {}, found or b"")

    return answer
