"""Queries about processes and stores: who is alive, which place is which store's, who keeps house there."""

import peewee

from .database import Connected
from .models import BlobRow, ProcessRow, StoreRow, WorkRow


class ProcessQueries(Connected):
    """The part of the registry that knows processes and stores."""

    def renew_process(self, process: str, lease: float) -> bool:
        until = self._after(lease)
        self._close_spare()
        with self._transaction():
            if self._change(ProcessRow.update(alive_until=until).where(ProcessRow.id == process)):
                return True
            self._change(ProcessRow.insert(id=process, alive_until=until).on_conflict_ignore())
            return False

    def end_process(self, process: str) -> None:
        with self._transaction():
            self._change(ProcessRow.delete().where(ProcessRow.id == process))
            self._change(StoreRow.update(tender=None).where(StoreRow.tender == process))

    def claim_store(self, store: str, marker: str) -> str:
        with self._transaction():
            self._change(StoreRow.insert(id=store, marker=marker).on_conflict_ignore())
            row = self._row(StoreRow.select(StoreRow.marker).where(StoreRow.id == store))
            return str(row[0]) if row else marker

    def show_marker(self, store: str) -> str | None:
        with self._connection():
            row = self._row(StoreRow.select(StoreRow.marker).where(StoreRow.id == store))
        return row[0] if row else None

    def tend_store(self, store: str, process: str, lease: float) -> bool:
        is_free = (StoreRow.tender == process) | StoreRow.tender.is_null() | (StoreRow.tender_until < self._now)
        claim = StoreRow.update(tender=process, tender_until=self._after(lease))
        with self._transaction():
            return bool(self._change(claim.where(StoreRow.id == store, is_free)))

    def _is_living(self, column: peewee.Field) -> peewee.Expression:
        return column.in_(ProcessRow.select(ProcessRow.id).where(ProcessRow.alive_until >= self._now))

    def _living_work(self) -> peewee.Query:
        return WorkRow.select(WorkRow.image_id).where(self._is_living(WorkRow.process))

    def _orphan_writers(self) -> peewee.Query:
        """Blobs being written by nobody who lives."""
        return BlobRow.select(BlobRow.key).where(BlobRow.state == "writing", ~self._is_living(BlobRow.process))
