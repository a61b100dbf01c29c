"""Working on tasks: a dispatcher claims what waits, a few threads do it, each ends as its row says.

The row is the truth. It is claimed for this process, whose lease the keeper renews; if the process dies, whoever keeps
house lets its tasks go, and the next one claims them and goes on from what registry and stores hold.
"""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from ..domain.task import DELETED, Ending, Task
from ..errors import GlanceliteError, ImageNotFound, TaskLost, Unavailable
from ..usecases.hashes import be_nice
from ..usecases.services import Services
from ..usecases.tasks import shown_input
from .importer import end_import, run_import
from .job import End, Job, Run, Stopping
from .legacy import end_legacy_import, run_legacy_import
from .location import end_location_import, run_location_import
from .plugins.base import Plugin

_INTERNAL = "Task failed due to Internal Error"

RUNS: dict[str, tuple[Run, End]] = {
    "api_image_import": (run_import, end_import),
    "location_import": (run_location_import, end_location_import),
    "import": (run_legacy_import, end_legacy_import),
}
"""By the type of a task: what does it, and how it ends when that broke down."""

log = logging.getLogger(__name__)


class Workers:
    """The threads of one process that work on tasks. `start` after the fork, `stop` before housekeeping ends."""

    def __init__(self, services: Services, plugins: tuple[Plugin, ...]) -> None:
        self._services, self._plugins = services, plugins
        self._most = int(services.config["task.max_workers"])
        self._running: set[str] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._pool: ThreadPoolExecutor | None = None

    def start(self) -> None:
        self._stopping.clear()
        self._pool = ThreadPoolExecutor(self._most, thread_name_prefix="task", initializer=be_nice)
        self._thread = threading.Thread(target=self._dispatch, name="dispatcher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Running jobs leave what they are at; it is claimed again later."""
        self._stopping.set()
        self._services.new_task.set()
        if self._thread is not None:
            self._thread.join()
        if self._pool is not None:
            self._pool.shutdown()

    def _dispatch(self) -> None:
        services = self._services
        while not self._stopping.is_set():
            services.new_task.clear()
            try:
                self._claim_all()
            except GlanceliteError as error:
                log.warning("tasks are put off: %s", error)
            except Exception:
                log.exception("tasks are put off")
            services.new_task.wait(max(services.lease / 4, 0.2))

    def _claim_all(self) -> None:
        while not self._stopping.is_set() and len(self._running) < self._most:
            task = self._services.registry.claim_task(self._services.process, tuple(self._running))
            if task is None or self._pool is None:
                return
            with self._lock:
                self._running.add(task.id)
            self._pool.submit(self._work, task)

    def _work(self, task: Task) -> None:
        try:
            self._run(task)
        except (Stopping, TaskLost):
            log.info("task %s is left to others", task.id)
        except Unavailable as error:
            log.warning("task %s is put off: %s", task.id, error)
            self._stopping.wait(1.0)
        except Exception:
            log.exception("task %s could not be ended", task.id)
            self._stopping.wait(1.0)
        finally:
            with self._lock:
                self._running.discard(task.id)
            self._services.new_task.set()

    def _run(self, task: Task) -> None:
        services = self._services
        job = Job(services, task, self._plugins, self._stopping)
        ending = self._find_ending(job)
        hours = float(services.config["task.task_time_to_live"])
        ending = replace(ending, expires_in=hours * 3600, input=shown_input(task))
        services.registry.finish_task(task.id, services.process, ending)
        services.tokens.pop(task.id, None)
        services.wake.set()
        log.info("task %s (%s) ended in %s: %s", task.id, task.type, ending.status, ending.message)

    def _find_ending(self, job: Job) -> Ending:
        run, end = RUNS[job.task.type]
        try:
            try:
                return run(job)
            except (Stopping, GlanceliteError):
                raise
            except Exception:
                log.exception("task %s failed", job.task.id)
                return end(job, _INTERNAL)
        except ImageNotFound:
            return Ending("failure", DELETED)
