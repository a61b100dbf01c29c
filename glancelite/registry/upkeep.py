"""Queries for who looks after the service: which bytes are known, a size put right, what may be forgotten, the time."""

import peewee

from .database import Connected
from .models import BlobRow, ImageRow, LocationRow

_BLANK = {
    "name": None, "owner": None, "properties": "{}", "tags": "[]", "checksum": None, "os_hash_algo": None,
    "os_hash_value": None,
}  # fmt: skip
"""What a deleted image is remembered with once it is purged; its id stays taken for ever."""


class UpkeepQueries(Connected):
    """The part of the registry that the commands of an operator ask."""

    def read_clock(self) -> float:
        with self._connection():
            return self._read_clock() / 1_000_000

    def find_known(self, keys: tuple[str, ...]) -> tuple[str, ...]:
        with self._connection():
            return tuple(row[0] for row in self._rows(BlobRow.select(BlobRow.key).where(BlobRow.key.in_(keys))))

    def list_stores(self) -> tuple[str, ...]:
        with_data = BlobRow.select(BlobRow.store).where(BlobRow.state.in_(("live", "staged"))).distinct()
        with self._connection():
            return tuple(sorted(row[0] for row in self._rows(with_data)))

    def correct_size(self, key: str, size: int) -> bool:
        mine = (BlobRow.key == key) & (BlobRow.state == "live")
        of_it = ImageRow.id.in_(LocationRow.select(LocationRow.image_id).where(LocationRow.blob == key))
        changed = {"size": size, "updated_at": self._now, "revision": ImageRow.revision + 1}
        with self._transaction():
            # The image first, as every transaction does that changes both.
            differs = (ImageRow.size != size) | ImageRow.size.is_null()
            image = self._change(ImageRow.update(changed).where(of_it, ~ImageRow.is_gone, differs))
            blob = self._change(BlobRow.update(size=size).where(mine, BlobRow.size != size))
        return bool(image or blob)

    def purge_images(self, age: float, limit: int) -> int:
        kept = {name: getattr(ImageRow, name) for name in _BLANK}
        says_something = peewee.Value(False)
        for name, value in _BLANK.items():
            says_something |= kept[name].is_null(False) if value is None else kept[name] != value
        due = ImageRow.select(ImageRow.id).where(
            ImageRow.status == "deleted",
            ImageRow.deleted_at <= self._after(-age),
            ImageRow.id.not_in(BlobRow.select(BlobRow.image_id)),
            says_something,
        )
        with self._transaction():
            ids = [row[0] for row in self._rows(due.order_by(ImageRow.deleted_at, ImageRow.id).limit(limit))]
            return self._change(ImageRow.update(_BLANK).where(ImageRow.id.in_(ids))) if ids else 0
