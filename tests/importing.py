"""What tests of imports say again and again: stage, import, wait for the task, spoil a store's directory."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from databases import read_rows
from fakes.remote import Part, answer
from harness import Api, Reply, Service

DATA = bytes(range(256)) * 4096
MARKER = ".glancelite-store"
STORES = {"ENABLED_BACKENDS": "fast:file,slow:file,web:http", "GLANCE_STORE_DEFAULT_BACKEND": "fast"}
ENDED = ("success", "failure")
WAIT_SECONDS = 15


def reaching(*remotes: Any, **more: str) -> dict[str, str]:
    """Settings of a service that may fetch from these places of a test, and from nowhere else that is not public."""
    addresses, ports = {remote.address for remote in remotes}, {str(remote.port) for remote in remotes}
    return {
        "IMPORT_FILTERING_OPTS_ALLOWED_NETWORKS": ",".join(sorted(addresses)),
        "IMPORT_FILTERING_OPTS_ALLOWED_PORTS": ",".join(sorted(ports)),
    } | more


def wait_for(what: Callable[[], Any], seconds: float = WAIT_SECONDS) -> Any:
    """Wait until something is so; what it then is."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.03)
    return found


def stage(api: Api, image_id: str, data: bytes = DATA, **headers: str) -> Reply:
    return api.put(f"/v2/images/{image_id}/stage", data, content_type="application/octet-stream", **headers)


def create_staged(api: Api, data: bytes = DATA, **fields: Any) -> dict[str, Any]:
    """A new image with staged data."""
    image = api.create(**fields)
    reply = stage(api, image["id"], data)
    assert reply.status == 204, reply.text
    return image


def start(api: Api, image_id: str, name: str, headers: dict[str, str] | None = None, **more: Any) -> Reply:
    """Ask for an import. Keys that belong to the method go there, others beside it."""
    own = ("uri", "checksum", "glance_image_id", "glance_region", "glance_service_interface")
    method = {"name": name} | {key: more.pop(key) for key in own if key in more}
    return api.request("POST", f"/v2/images/{image_id}/import", {"method": method} | more, headers)


def tasks_of(api: Api, image_id: str) -> list[dict[str, Any]]:
    """The image's tasks, the latest last."""
    reply = api.get(f"/v2/images/{image_id}/tasks")
    assert reply.status == 200, reply.text
    found: list[dict[str, Any]] = reply.json["tasks"]
    return found


def ended_task(api: Api, image_id: str) -> dict[str, Any]:
    """The image's latest task, once it has ended."""

    def ended() -> dict[str, Any] | None:
        tasks = tasks_of(api, image_id)
        return tasks[-1] if tasks and tasks[-1]["status"] in ENDED else None

    found: dict[str, Any] = wait_for(ended)
    return found


def run_import(api: Api, image_id: str, name: str, **more: Any) -> dict[str, Any]:
    """Import; the task, once it has ended."""
    reply = start(api, image_id, name, **more)
    assert (reply.status, reply.body) == (202, b""), reply.text
    return ended_task(api, image_id)


def assert_untouched(api: Api, image_id: str) -> dict[str, Any]:
    """The image is as it was made: queued, without data, hashes, places or a lock."""
    image = api.show(image_id)
    empty = ("size", "checksum", "os_hash_algo", "os_hash_value", "virtual_size")
    assert (image["status"], {image[name] for name in empty}) == ("queued", {None}), image
    assert not image.get("stores") and "os_glance_import_task" not in image, image
    assert api.get(image["file"]).status == 204
    return image


def files_of(service: Service) -> set[str]:
    """Every file of data, in stores and in staging, whole or partly written."""
    return {
        str(path.relative_to(service.data_dir))
        for place in (service.data_dir / "staging", service.data_dir / "images", service.data_dir / "stores")
        for path in place.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def is_clean(service: Service, before: set[str]) -> bool:
    """Is there no file of data that was not there before? (What was may have been on its way out.)"""
    return files_of(service) <= before


def directory_of(service: Service, store_id: str) -> Path:
    """Where a file store of this id has its files."""
    return service.data_dir / "stores" / store_id


@contextmanager
def spoiled(service: Service, store_id: str) -> Iterator[None]:
    """The store's directory has another one's marker: as if another disk were mounted there."""
    staging = store_id == "os_glance_staging_store"
    marker = (service.data_dir / "staging" if staging else directory_of(service, store_id)) / MARKER
    wait_for(marker.exists)  # it is written, and then claimed, when the service has begun to keep house
    wait_for(lambda: read_rows(service.database, "SELECT marker FROM stores WHERE id = ?", store_id))
    own = marker.read_text()
    marker.write_text(str(uuid.uuid4()))
    try:
        yield
    finally:
        marker.write_text(own)


class Gate:
    """A page of a remote that sends its first half at once and the rest when a test lets it."""

    def __init__(self, data: bytes = DATA) -> None:
        self._data, self._open = data, threading.Event()

    def __iter__(self) -> Iterator[Part]:
        whole = answer(self._data)
        half = len(whole) - len(self._data) // 2
        yield whole[:half]
        yield self._wait
        yield whole[half:]

    def _wait(self, ended: threading.Event) -> None:
        while not ended.is_set() and not self._open.wait(0.02):
            pass

    def open(self) -> None:
        self._open.set()


class Trickle(Gate):
    """A page of a remote that sends a little now and then, and the rest when a test lets it."""

    def __iter__(self) -> Iterator[Part]:
        yield answer(Content_Length=len(self._data))
        for at in range(0, len(self._data), 1000):
            yield self._pause
            yield self._data[at : at + 1000]

    def _pause(self, ended: threading.Event) -> None:
        if not ended.is_set():
            self._open.wait(0.2)


def as_json(reply: Reply) -> str:
    """An answer's whole text, for looking whether something is in it."""
    return json.dumps([dict(reply.headers), reply.text])
