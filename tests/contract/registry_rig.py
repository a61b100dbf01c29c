"""What the registry's contract is told with: callers, images, uploads, and many at once."""

import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from glancelite.domain.context import Context
from glancelite.domain.image import Image
from glancelite.domain.ports import Content, Intent, Registry
from glancelite.errors import (
    GlanceliteError,
)

CTX = Context(project_id="mine", user_id="me", roles=("member", "reader"), request_id="req-1")
STRANGER = Context(project_id="theirs", roles=("member", "reader"))
ADMIN = Context(project_id="admins", roles=("admin",))
PROCESS = "process"
LONG, SHORT = 60.0, 0.3
DATA = Content(size=10, checksum="c" * 32, os_hash_algo="sha512", os_hash_value="h" * 128, virtual_size=20)


def new(registry: Registry, **values: Any) -> Image:
    """A new image of project `mine`, younger than those before: SQLite's clock counts milliseconds."""
    image = Image(**({"id": str(uuid.uuid4()), "owner": "mine"} | values))
    made = registry.create_image(CTX, image)
    time.sleep(0.001)
    return made


def intent(image: Image, **values: Any) -> Intent:
    plain = {"key": str(uuid.uuid4()), "image_id": image.id, "store": "store", "process": PROCESS}
    return Intent(**(plain | values))


def filled(registry: Registry, content: Content = DATA, **values: Any) -> tuple[Image, Intent]:
    """An active image and what made it so."""
    wanted = intent(new(registry, **values))
    registry.begin_blob(CTX, wanted)
    registry.commit_blob(CTX, wanted, content, f"place://{wanted.key}")
    return registry.show_image(CTX, wanted.image_id), wanted


def size_of(size: int) -> Content:
    return Content(size, DATA.checksum, DATA.os_hash_algo, DATA.os_hash_value, None)


def at_once(count: int, act: Callable[[int], Any]) -> list[Any]:
    """What `act` gives or raises when it is called so often at the same time."""
    answers: list[Any] = [None] * count
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        barrier.wait()
        try:
            answers[number] = act(number)
        except GlanceliteError as error:
            answers[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def states(registry: Registry) -> dict[str, str]:
    return {blob.key: blob.state for blob in registry.list_blobs("store", "", 1000)}


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)
