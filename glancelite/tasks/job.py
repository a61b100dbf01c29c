"""A job: one task at work in this process, with what it may use and whom it tells how far it is."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..domain.context import Context
from ..domain.image import Image
from ..domain.task import Ending, Task
from ..errors import BadRequest, StoreUnavailable, TaskGivenUp
from ..usecases.services import Services
from .plugins.base import Plugin

MIB = 1 << 20
_EVERY = 1.0
"""Seconds between two reports."""
_MOST_ATTEMPTS = 5
"""A task that so many processes have died of, or were stopped at, is given up."""
_PIECE = 64 << 10
"""Most bytes asked for at once: a slow source is told of, and left when the service stops, before a block is full."""


class Stopping(Exception):
    """The process ends: the job is left as it is, for whoever claims it next."""


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass
class Job:
    """A claimed task. `context` may see and change every image: who asked was asked for permission then."""

    services: Services
    task: Task
    plugins: tuple[Plugin, ...]
    stopping: threading.Event
    context: Context = field(init=False)
    _told_at: float = 0.0
    _message: str = ""

    def __post_init__(self) -> None:
        task = self.task
        asked = {"project_id": task.owner, "user_id": task.user_id, "request_id": task.request_id or ""}
        self.context = Context(**asked, roles=task.roles, admin=True)  # type: ignore[arg-type] # plain texts

    @property
    def input(self) -> Mapping[str, Any]:
        return self.task.input

    def show_image(self) -> Image:
        """The image as it is now; ImageNotFound when it was deleted."""
        return self.services.registry.show_image(self.context, self.task.image_id or "")

    def check_attempts(self) -> None:
        """Raise TaskGivenUp when it was tried often enough."""
        if self.task.attempts > _MOST_ATTEMPTS:
            raise TaskGivenUp(times=_MOST_ATTEMPTS)

    def require_hold(self) -> None:
        """Raise TaskLost when the task is another process's by now. Asked after the image was read and before it is
        changed at that revision, so that whoever has the task meanwhile is not written over."""
        self.services.registry.report_task(self.task.id, self.services.process, self._message, None)

    def require_token(self) -> str:
        """The token of who asked for it; BadRequest where this is another process than the one that was asked."""
        token = self.services.tokens.get(self.task.id)
        if token is None:
            reason = "The service was restarted and no longer has your token; ask for the import again."
            raise BadRequest(reason=reason)
        return token

    def check_stopping(self) -> None:
        """Raise Stopping when the process ends."""
        if self.stopping.is_set():
            raise Stopping

    def report(self, message: str, progress: str | None = None, *, at_once: bool = False) -> None:
        """Say how far it is, now and then. Raises Stopping, TaskLost, ImageNotFound: then the work is to be let go."""
        self.check_stopping()
        now = time.monotonic()
        if at_once or now - self._told_at >= _EVERY:
            self._told_at, self._message = now, message
            self.services.registry.report_task(self.task.id, self.services.process, message, progress)


class Watched:
    """A source over something readable, that reports how far it is."""

    def __init__(self, body: Readable, total: int | None, what: str, job: Job) -> None:
        self._body, self._total, self._what, self._job = body, total, what, job
        self._fill = getattr(body, "readinto", None)
        self._done, self._began = 0, time.monotonic()

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer, but at the end."""
        filled = 0
        while filled < len(buffer):
            count = self._take(buffer[filled:])
            if not count:
                break
            filled += count
            self._done += count
            self._tell()
        return filled

    def _take(self, buffer: memoryview) -> int:
        """Some of the next bytes; how many."""
        try:
            if self._fill is not None:  # a file of ours, which is never slow
                return self._fill(buffer) or 0
            block = self._body.read(min(len(buffer), _PIECE))
            buffer[: len(block)] = block
            return len(block)
        except OSError as error:
            raise StoreUnavailable(store="staging", reason=error.strerror or str(error)) from error

    def _tell(self) -> None:
        rate = self._done / max(time.monotonic() - self._began, 0.001)
        total = "an unknown number of" if self._total is None else f"{self._total / MIB:.0f}"
        message = f"{self._what}: {self._done / MIB:.0f} of {total} MiB, {rate / MIB:.1f} MiB/s"
        in_all = "?" if self._total is None else self._total
        self._job.report(message, f"{self._done} of {in_all} bytes, {rate:.0f} bytes/s")


Run = Callable[[Job], Ending]
End = Callable[[Job, str], Ending]
