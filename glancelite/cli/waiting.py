"""Waits for the end of an import: shows how far it is, and finds out how it went."""

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glancelite.client.errors import ClientError, ImportFailed, Refused, Unreachable, WaitedEnough

from .progress import Meter, choose_meter

if TYPE_CHECKING:
    from glancelite.client.images import Image, Images
    from glancelite.client.tasks import Task, Tasks

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0
_PATIENCE = 60.0
"""Seconds that a service may be away, to be started anew for example: the import outlives that."""
_ENDED = ("success", "failure")
_PROGRESS = re.compile(r"(\d+) of (\d+|\?) bytes, (\d+) bytes/s")
_NO_REASON = "the service does not say why."


@dataclass(frozen=True)
class Look:
    """What the service said at one moment. `task` None: it does not tell of its tasks."""

    task: "Task | None"
    image: "Image"

    @property
    def has_ended(self) -> bool:
        if self.task is not None:
            return self.task.get("status") in _ENDED
        is_at_work = any(self.image.get(name) for name in ("os_glance_import_task", "os_glance_importing_to_stores"))
        return not is_at_work and self.image.get("status") != "importing"

    @property
    def has_failed(self) -> bool:
        status = "failure" if self.image.get("status") != "active" else "success"
        return (status if self.task is None else self.task.get("status")) == "failure"

    @property
    def missed_stores(self) -> str:
        """Stores that the data did not get into."""
        return str(self.image.get("os_glance_failed_import") or "")

    @property
    def reason(self) -> str:
        """Why something failed, in the service's words."""
        said = self.task.get("message") if self.task is not None and self.has_failed else ""
        return str(said or self.image.get("os_glance_import_error") or _NO_REASON)


def wait_for_import(images: "Images", tasks: "Tasks", image_id: str, most: float | None = None) -> Look:
    """The last look at an import that went well, for some stores at least; ImportFailed for another, WaitedEnough for
    one that has not ended after `most` seconds."""
    meter, pause, heard = choose_meter(), _FIRST_PAUSE, time.monotonic()
    began = heard
    try:
        while True:
            try:
                look = _look(images, tasks, image_id)
            except ClientError as error:
                if not _may_pass(error) or time.monotonic() - heard > _PATIENCE:
                    raise
                meter.say("The service does not answer; it is asked again.")
            else:
                heard = time.monotonic()
                if look.has_ended:
                    break
                _show(meter, look)
            time.sleep(pause if most is None else min(pause, _left(began, most)))
            pause = min(pause * 1.5, _LONGEST_PAUSE)
    finally:
        meter.close()
    if look.has_failed:
        raise ImportFailed(look.reason)
    return look


def _left(began: float, most: float) -> float:
    """Seconds that are left of the patience."""
    left = began + most - time.monotonic()
    if left <= 0:
        raise WaitedEnough(f"the import has not ended after {most:g} s; it goes on.")
    return left


def _look(images: "Images", tasks: "Tasks", image_id: str) -> Look:
    """The image's latest task, then the image: what the task's end made of it is seen with it."""
    task: dict[str, Any] | None = None
    try:
        task = next(reversed(tasks.of_image(image_id)), None)
    except Refused as refused:
        if refused.status not in (403, 404):
            raise
    try:
        return Look(task, images.show(image_id))
    except Refused as refused:
        if refused.status == 404:
            raise ImportFailed("the image was deleted meanwhile.") from refused
        raise


def _may_pass(error: ClientError) -> bool:
    return isinstance(error, Unreachable) or (isinstance(error, Refused) and error.status in (502, 503, 504))


def _show(meter: Meter, look: Look) -> None:
    message = str(look.task.get("message") or "") if look.task is not None else ""
    found = _PROGRESS.fullmatch(str(look.image.get("os_glance_import_progress") or ""))
    if found is None or not message.endswith("/s"):  # the figures may be those of an earlier step
        meter.say(message or "The import waits for its turn.")
        return
    done, rate = int(found[1]), int(found[3])
    total = None if found[2] == "?" else int(found[2])
    meter.show(done, total, rate, message.partition(":")[0])
