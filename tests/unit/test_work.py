"""What becomes of a task when the work on it breaks down, or has to be begun again: with a registry and stores in this
process, and plugins that behave as a test says."""

import hashlib
import io
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from glancelite.deploy import build_services, load_config
from glancelite.domain.context import Context
from glancelite.domain.image import Image
from glancelite.domain.task import PLUGINS_DONE, Task
from glancelite.errors import Conflict
from glancelite.tasks.job import Stopping
from glancelite.tasks.work import Workers
from glancelite.usecases import fsck, images, imports, staging, tasks
from glancelite.usecases.services import Services

MEMBER = Context(project_id="mine", user_id="me", roles=("member", "reader"))
DATA = b"what was staged" * 100


class Plugin:
    """Does to a piece what it was made with."""

    def __init__(self, act: Callable[[Any], None]) -> None:
        self.run = act


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    made = build_services(load_config(None, {"GLANCELITE_DATA_DIR": str(tmp_path), "HOME": str(tmp_path)}))
    made.registry.upgrade()  # type: ignore[attr-defined] # it is the one in this process
    made.stores.attach(made.registry)
    made.registry.renew_process(made.process, 60)
    yield made
    assert list(fsck.find_faults(made, with_hash=True)) == []
    made.registry.close()


def staged(services: Services) -> Image:
    formats = {"disk_format": "raw", "container_format": "bare"}
    image = images.create_image(services, MEMBER, formats)
    return staging.stage_data(services, MEMBER, image, io.BytesIO(DATA), None)  # type: ignore[arg-type]


def ask(services: Services, image: Image, **method: str) -> Task:
    body = {"method": {"name": "glance-direct"} | method}
    return imports.import_image(services, MEMBER, image, imports.check_import(services, MEMBER, body))


def work(services: Services, *plugins: Plugin) -> Task:
    """Claim the task that waits and work on it, as a thread of this process does; the task then."""
    task = services.registry.claim_task(services.process, ())
    assert task is not None
    Workers(services, plugins)._work(task)  # type: ignore[arg-type] # what is a plugin here has no options
    return services.registry.show_task(Context(admin=True), task.id)


def show(services: Services, image: Image) -> Image:
    return services.registry.show_image(MEMBER, image.id)


def reverse(piece: Any) -> None:
    """A plugin that must not work twice."""
    data = piece.path.read_bytes()
    piece.replace(lambda path: path.write_bytes(data[::-1]))


def once(error: BaseException) -> Callable[[Any], None]:
    """A plugin that raises this the first time."""
    left = [error]

    def act(piece: Any) -> None:
        if left:
            raise left.pop()

    return act


def read(services: Services, image: Image) -> bytes:
    (place,) = image.locations
    body, _ = services.stores.default.open(place.blob or "")
    try:
        return body.read(1 << 20)
    finally:
        body.close()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Event, "wait", lambda self, timeout=None: self.is_set())


def test_work_that_breaks_down_fails_and_may_be_asked_for_again(services: Services) -> None:
    image = staged(services)
    ask(services, image)

    task = work(services, Plugin(once(RuntimeError("a slip of ours"))))

    assert (task.status, task.message) == ("failure", "Task failed due to Internal Error")
    assert show(services, image).status == "uploading"
    ask(services, show(services, image))
    assert work(services).status == "success"
    assert show(services, image).status == "active"


def test_work_that_is_begun_again_goes_on_where_a_plugin_had_come_to_its_end(services: Services) -> None:
    image = staged(services)
    digest = f"sha256:{hashlib.sha256(DATA).hexdigest()}"
    ask(services, image, checksum=digest)
    plugins = Plugin(reverse), Plugin(once(Stopping()))

    assert work(services, *plugins).status == "processing"
    assert work(services, *plugins).status == "success"

    done = show(services, image)
    assert read(services, done) == DATA[::-1]
    assert PLUGINS_DONE not in done.properties


def test_what_plugins_have_worked_on_is_not_compared_with_what_was_staged(services: Services) -> None:
    image = staged(services)
    ask(services, image)
    work(services, Plugin(reverse), Plugin(once(RuntimeError("a slip of ours"))))

    with pytest.raises(Conflict, match="worked on by plugins already"):
        ask(services, show(services, image), checksum=f"sha256:{hashlib.sha256(DATA).hexdigest()}")

    ask(services, show(services, image))
    assert work(services, Plugin(reverse), Plugin(once(Stopping()))).status == "processing"
    assert work(services, Plugin(reverse)).status == "success"
    assert read(services, show(services, image)) == DATA[::-1]


def test_staged_data_is_for_the_service_alone(services: Services) -> None:
    image = staged(services)
    ask(services, image)
    modes = []

    def look(piece: Any) -> None:
        modes.append(stat.S_IMODE(piece.path.stat().st_mode))

    assert work(services, Plugin(look), Plugin(reverse), Plugin(look)).status == "success"
    assert modes == [0o640, 0o640]


def test_an_import_by_the_tasks_api_that_breaks_down_leaves_no_image(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {
        "type": "import",
        "input": {
            "import_from": "http://localhost/none",
            "import_from_format": "raw",
            "image_properties": {"protected": True},
        },
    }
    task = tasks.create_task(services, MEMBER, tasks.check_task(services, body))

    ended = work(services)

    assert (ended.id, ended.status) == (task.id, "failure")
    assert services.registry.show_usage(MEMBER, "mine").images == 0
