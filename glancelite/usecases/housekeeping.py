"""Keeps this process alive in the registry and finishes what a crash, a delete or a lost connection left.

Two threads, started after the fork: the keeper renews the process's lease; the housekeeper gives up the work of
processes that are gone, unlinks bytes that are to be dropped, and settles this process's debts.
"""

import logging
import threading
import uuid

from ..errors import GlanceliteError
from .data import give_up
from .services import Services

_BATCH = 100

log = logging.getLogger(__name__)


class Housekeeping:
    """The two threads of one process. `start` after a fork, `stop` when no request runs any more."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        services = self._services
        services.process = str(uuid.uuid4())
        self._stopping.clear()
        self._renew()
        for name, target in (("keeper", self._keep_lease), ("housekeeper", self._keep_house)):
            thread = threading.Thread(target=target, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        self._stopping.set()
        self._services.debts.wake.set()
        for thread in self._threads:
            thread.join()
        self._threads = []
        try:
            self._services.registry.end_process(self._services.process)
        except GlanceliteError as error:
            log.warning("the registry was not told that this process ends: %s", error)

    def _renew(self) -> None:
        try:
            if not self._services.registry.renew_process(self._services.process, self._services.lease):
                log.debug("process %s entered", self._services.process)
        except GlanceliteError as error:
            log.warning("the lease was not renewed: %s", error)

    def _keep_lease(self) -> None:
        while not self._stopping.wait(self._services.lease / 4):
            self._renew()

    def _keep_house(self) -> None:
        wake = self._services.debts.wake
        while not self._stopping.is_set():
            wake.clear()
            try:
                keep_house(self._services)
            except GlanceliteError as error:
                log.warning("housekeeping is put off: %s", error)
            except Exception:
                log.exception("housekeeping failed and will be tried again")
            wake.wait(max(self._services.lease / 4, 0.2))
            self._stopping.wait(0.05)  # a burst of deletes is one round


def keep_house(services: Services) -> None:
    """One round: debts, lost processes, bytes to drop."""
    for key, store in services.debts.list():
        give_up(services, key, store)
    lost = services.registry.reap_processes()
    if lost:
        log.info("gave up the work of %d lost process(es)", lost)
    for store in services.stores:
        if services.registry.tend_store(store.id, services.process, services.lease):
            _drop_due(services, store.id)


def _drop_due(services: Services, store_id: str) -> None:
    store = services.stores.get(store_id)
    while store is not None:
        keys = services.registry.list_droppable(store_id, _BATCH)
        for key in keys:
            store.delete(key)
            services.registry.record_unlink(key, services.lease)
        if len(keys) < _BATCH:
            return
