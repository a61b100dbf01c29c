"""Keeps this process alive in the registry and finishes what a crash, a delete or a lost connection left.

Two threads, started after the fork. The keeper renews the process's lease, and gives back memory that busy moments
took. The housekeeper gives up the work of processes that are gone and what this process began but could not end, and
unlinks bytes that are to be dropped.
"""

import logging
import threading
import uuid

from ..domain.ports import Store
from ..errors import GlanceliteError, StoreUnavailable
from ..memory import give_back
from .arrival import give_up
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
        self._services.wake.set()
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
        except Exception:
            log.exception("the lease was not renewed")

    def _keep_lease(self) -> None:
        while not self._stopping.wait(self._services.lease / 4):
            self._renew()
            give_back()

    def _keep_house(self) -> None:
        wake = self._services.wake
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
    """One round: what this process left, what lost processes left, bytes to drop."""
    services.registry.renew_process(services.process, services.lease)  # or it would give up its own work as lost
    for store in services.stores.places:
        for key in services.registry.list_writing(store.id, services.process):
            if key not in services.writing:
                give_up(services, key, store)
    lost = services.registry.reap_processes()
    if lost:
        log.info("gave up the work of %d lost process(es)", lost)
    for store in services.stores.places:
        reason = store.check().reason
        if reason is not None:  # and left to those who see it
            log.warning("store %s is left alone: %s", store.id, reason)
        elif services.registry.tend_store(store.id, services.process, services.lease):
            _drop_due(services, store)


def _drop_due(services: Services, store: Store) -> None:
    """Unlink what is due; what cannot be unlinked now is due again next time, and stands in nobody's way."""
    is_done = False
    while not is_done:
        keys = services.registry.list_droppable(store.id, _BATCH)
        is_done = len(keys) < _BATCH
        for key in keys:
            try:
                store.delete(key)
            except StoreUnavailable as error:
                log.warning("blob %s cannot be dropped yet: %s", key, error)
                is_done = True
                continue
            services.registry.record_unlink(key, services.lease)
