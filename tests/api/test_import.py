"""Bringing image data in by an import: staged first, fetched from the web, or copied between stores."""

import gzip
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from databases import change_rows, read_rows
from fakes.remote import Remote, silence
from harness import Api, Reply, make_service, running
from web import Web

DATA = bytes(range(256)) * 4096
SETTINGS = {
    "ENABLED_BACKENDS": "fast:file,slow:file,web:http",
    "GLANCE_STORE_DEFAULT_BACKEND": "fast",
    "IMPORT_FILTERING_OPTS_ALLOWED_PORTS": "[]",
    "IMPORT_FILTERING_OPTS_ALLOW_PRIVATE": "true",
}


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with Web() as server:
        yield server
        server.shutdown()


@pytest.fixture(scope="module", params=["together", "apart"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(make_service(tmp_path_factory.mktemp("imports") / "data", request.param, **SETTINGS)) as service:
        yield service.url


@pytest.fixture
def api(url: str) -> Api:
    return Api(url)


def stage(api: Api, image_id: str, data: bytes) -> Reply:
    return api.put(f"/v2/images/{image_id}/stage", data, content_type="application/octet-stream")


def start(api: Api, image_id: str, name: str, **more: Any) -> Reply:
    method = {"name": name} | {key: more.pop(key) for key in ("uri", "checksum") if key in more}
    return api.post(f"/v2/images/{image_id}/import", {"method": method} | more)


def wait_for(what: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 20
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.03)
    return found


def task_of(api: Api, image_id: str) -> dict[str, Any]:
    """The image's latest task, once it has ended."""

    def ended() -> dict[str, Any] | None:
        tasks = api.get(f"/v2/images/{image_id}/tasks").json["tasks"]
        return tasks[-1] if tasks and tasks[-1]["status"] in ("success", "failure") else None

    found: dict[str, Any] = wait_for(ended)
    return found


def test_a_new_image_says_by_which_methods_data_may_come(api: Api) -> None:
    reply = api.post("/v2/images", {})

    assert reply.headers["OpenStack-image-import-methods"] == "glance-direct,web-download,copy-image"


def test_staged_data_becomes_the_images(api: Api) -> None:
    image = api.create()

    assert stage(api, image["id"], DATA).status == 204

    staged = api.show(image["id"])
    assert (staged["status"], staged["size"], staged["checksum"]) == ("uploading", len(DATA), None)
    assert api.get(image["file"]).status == 204
    assert start(api, image["id"], "glance-direct").status == 202
    task = task_of(api, image["id"])
    assert (task["type"], task["status"]) == ("api_image_import", "success"), task
    done = api.show(image["id"])
    assert (done["status"], done["size"], done["stores"]) == ("active", len(DATA), "fast")
    assert done["os_hash_value"] == hashlib.sha512(DATA).hexdigest()
    assert (done["os_glance_importing_to_stores"], done["os_glance_failed_import"]) == ("", "")
    assert "os_glance_import_task" not in done
    assert api.get(image["file"]).body == DATA


def test_data_is_fetched_from_the_web(api: Api, web: Web) -> None:
    image = api.create()

    reply = start(api, image["id"], "web-download", uri=web.put("/image", DATA) + "?secret=1", all_stores=True)

    assert reply.status == 202, reply.text
    task = task_of(api, image["id"])
    assert task["status"] == "success", task
    assert task["input"]["import_req"]["method"]["uri"] == f"{web.url}/image?…"
    done = api.show(image["id"])
    assert (done["status"], done["stores"]) == ("active", "fast,slow")
    assert api.get(f"{image['file']}?prefer=slow").body == DATA


def test_an_image_is_copied_to_another_store(api: Api) -> None:
    image = api.create_with(DATA)
    admin = api.as_admin()
    assert start(api, image["id"], "copy-image", stores=["slow"]).status == 403

    reply = start(admin, image["id"], "copy-image", stores=["slow"])

    assert reply.status == 202, reply.text
    assert task_of(admin, image["id"])["status"] == "success"
    done = api.show(image["id"])
    assert (done["status"], done["stores"]) == ("active", "fast,slow")
    assert api.get(f"{image['file']}?prefer=slow").body == DATA


def test_what_may_be_a_secret_in_an_address_is_forgotten_when_the_task_has_ended(
    start_service: Callable[..., Any], web: Web
) -> None:
    service = start_service(**SETTINGS)
    api = Api(service.url)
    image = api.create()

    start(api, image["id"], "web-download", uri=web.put("/signed", DATA) + "?signature=hush")

    assert task_of(api, image["id"])["status"] == "success"
    ((kept,),) = read_rows(service.database, "SELECT input FROM tasks")
    assert f"{web.url}/signed" in kept
    assert "hush" not in kept


def test_what_a_plugin_made_of_staged_data_it_does_not_make_again_when_the_import_is_repeated(
    start_service: Callable[..., Any],
) -> None:
    settings = {"IMAGE_IMPORT_OPTS_IMAGE_IMPORT_PLUGINS": "image_decompression", "USER_STORAGE_QUOTA": "2000 B"}
    api = Api(start_service(**SETTINGS, **settings).url)
    other, inner = api.create_with(bytes(1500)), gzip.compress(os.urandom(900))
    image = api.create()
    stage(api, image["id"], gzip.compress(inner))
    start(api, image["id"], "glance-direct")
    assert "bytes of image data" in task_of(api, image["id"])["message"]
    assert (api.show(image["id"])["status"], api.show(image["id"])["size"]) == ("uploading", len(inner))

    api.delete(f"/v2/images/{other['id']}")
    assert start(api, image["id"], "glance-direct").status == 202

    assert task_of(api, image["id"])["status"] == "success"
    done = api.show(image["id"])
    assert api.get(done["file"]).body == inner
    assert "os_glance_import_plugins_done" not in done


def test_a_task_that_processes_keep_dying_of_is_given_up_and_may_be_asked_for_again(
    start_service: Callable[..., Any],
) -> None:
    service = start_service(TASK_MAX_WORKERS="1", **SETTINGS)
    api, remote = Api(service.url), Remote()
    remote.pages["/never"] = (silence,)
    first, second = api.create(), api.create()
    start(api, first["id"], "web-download", uri=remote.url("/never"))
    stage(api, second["id"], DATA)
    start(api, second["id"], "glance-direct")
    change_rows(service.database, "UPDATE tasks SET attempts = 5 WHERE image_id = ?", second["id"])

    remote.close()

    assert task_of(api, second["id"])["message"].startswith("The service ended 5 times while it worked on this")
    assert api.show(second["id"])["status"] == "uploading"
    assert start(api, second["id"], "glance-direct").status == 202
    assert task_of(api, second["id"])["status"] == "success"
