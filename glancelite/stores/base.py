"""What stores on this node share: finding bytes that are there but may not be this store's."""

import threading
from abc import abstractmethod

from ..domain.ports import Registry, Store
from ..errors import StoreUnavailable, Unavailable


class MarkedStore(Store):
    """A store whose place carries a marker that the registry knows.

    An empty mount point or another node's disk carries none or another one; without this comparison, house would be
    kept there and every image be found missing.
    """

    def __init__(self, store_id: str) -> None:
        super().__init__(store_id)
        self._registry: Registry | None = None
        self._known: str | None = None
        self._attaching = threading.Lock()

    @abstractmethod
    def read_marker(self) -> str | None:
        """The marker at the place, None where there is none. Raises OSError when the place cannot be read."""

    @abstractmethod
    def write_marker(self) -> str:
        """Make the place and its marker, unless it has one meanwhile; the marker that is there. Raises OSError."""

    def attach(self, registry: Registry) -> None:
        self._registry = registry
        try:
            self.require_place()
        except Unavailable:
            return  # told again, as its reason, to each who wants to use the store, and tried again then

    def require_place(self) -> None:
        """Raise StoreUnavailable unless the place is there and carries the marker that the registry knows."""
        try:
            marker = self.read_marker()
            if self._known is None:
                self._known, marker = self._agree(marker)
        except OSError as error:
            raise StoreUnavailable(
                store=self.id, reason=f"its place cannot be used: {error.strerror or error}."
            ) from error
        if marker != self._known:
            what = "carries no marker" if marker is None else "carries another store's marker"
            raise StoreUnavailable(store=self.id, reason=f"its place {what}; is the right disk mounted?")

    def _agree(self, marker: str | None) -> tuple[str, str | None]:
        """The registry's marker and the place's; a store that is new to the registry gets one."""
        if self._registry is None:
            raise StoreUnavailable(store=self.id, reason="it is not attached to a registry.")
        with self._attaching:
            known = self._registry.show_marker(self.id)
            if known is None:
                marker = marker or self.write_marker()
                known = self._registry.claim_store(self.id, marker)
            return known, marker
