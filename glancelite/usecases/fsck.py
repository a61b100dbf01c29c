"""Checks the invariants that hold between registry and stores, on a stopped or a running service. Changes nothing, but
for orphans that it is told to delete."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..domain.ports import Blob, Finding, Store, StoredFile
from ..errors import DataNotFound, StoreUnavailable
from .services import Services

_PAGE = 1000
_BLOCK = 1 << 20
_MOST_KEYS = 500
"""Keys in one question to the registry."""
_OUR_KEY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


@dataclass(frozen=True)
class Orphan:
    """A file in a store that no row names."""

    store: Store
    file: StoredFile

    @property
    def is_ours(self) -> bool:
        """Is its name one that this service gives? All others are somebody's who put them there."""
        return bool(_OUR_KEY.fullmatch(self.file.key))


def find_orphans(services: Services) -> Iterator[Orphan]:
    """Files of the stores that no row of any store names, older than a process may be silent.

    A row is there before its first byte and until after the last unlink, so that what a running upload writes, and what
    housekeeping is about to unlink, never is among them.
    """
    for store in services.stores.places:
        if store.is_shared:
            old = [file for file in store.list() if file.age >= services.lease]
            known = _find_known(services, (file.key for file in old))
            yield from (Orphan(store, file) for file in old if file.key not in known)


def knows_bytes(services: Services) -> bool:
    """Does the registry know of anything at all in these stores?"""
    return any(services.registry.list_blobs(store.id, "", 1) for store in services.stores.places)


def delete_orphan(services: Services, orphan: Orphan) -> None:
    """Unlink it; what has become known meanwhile is left. Raises StoreUnavailable."""
    if not services.registry.find_known((orphan.file.key,)):
        orphan.store.delete(orphan.file.key)


def _find_known(services: Services, keys: Iterable[str]) -> set[str]:
    wanted = sorted({key for key in keys if _OUR_KEY.fullmatch(key)})
    parts = (tuple(wanted[at : at + _MOST_KEYS]) for at in range(0, len(wanted), _MOST_KEYS))
    return {key for part in parts for key in services.registry.find_known(part)}


def find_faults(services: Services, *, with_hash: bool = False) -> Iterator[Finding]:
    """Everything that should not be, the database's own inconsistencies first."""
    yield from services.registry.check_invariants()
    configured = {store.id for store in services.stores.places}
    for store_id in services.registry.list_stores():
        if store_id not in configured:
            yield Finding(f"store {store_id}", "it is not configured here, but images have data in it")
    for store in services.stores.places:
        if store.is_shared:  # another process's memory cannot be looked at
            yield from _check_store(services, store, with_hash)


def _check_store(services: Services, store: Store, with_hash: bool) -> Iterator[Finding]:
    """Rows, then the listing, then rows again for what they seem to lack: what comes or goes meanwhile is no fault."""
    before = _read_blobs(services, store)
    try:
        files = {file.name: file for file in store.list()}
        after = _read_blobs(services, store)
        foreign = _find_known(services, files.keys() - after.keys() - before.keys())
        found = [
            *_check_files(files, before, after, services.lease, foreign),
            *_check_blobs(store, before, files, with_hash),
        ]
    except StoreUnavailable as error:
        if before:
            yield Finding(f"store {store.id}", str(error))
        return
    now = _read_blobs(services, store) if found else {}
    yield from (finding for blob, finding in found if blob is None or now.get(blob.key) == blob)


def _read_blobs(services: Services, store: Store) -> dict[str, Blob]:
    found: dict[str, Blob] = {}
    last = ""
    while page := services.registry.list_blobs(store.id, last, _PAGE):
        found |= {blob.key: blob for blob in page}
        last = page[-1].key
    return found


def _check_files(
    files: dict[str, StoredFile], before: dict[str, Blob], after: dict[str, Blob], grace: float, foreign: set[str]
) -> Iterator[tuple[Blob | None, Finding]]:
    for file in files.values():
        blob = after.get(file.key)
        if file.key in foreign:
            yield None, Finding(f"file {file.name}", "its row says that another store has it")
        elif blob is None and file.key not in before and file.age >= grace:
            yield None, Finding(f"file {file.name}", f"no row names it ({file.size} bytes, {file.age:.0f} s old)")
        elif blob is not None and blob.state == "live" and before.get(file.key) == blob and file.name != blob.key:
            yield blob, Finding(f"file {file.name}", "it is unfinished although its blob is live")


def _check_blobs(
    store: Store, blobs: dict[str, Blob], files: dict[str, StoredFile], with_hash: bool
) -> Iterator[tuple[Blob | None, Finding]]:
    for blob in blobs.values():
        if blob.state in ("live", "staged"):
            yield from ((blob, finding) for finding in _check_bytes(store, blob, files.get(blob.key), with_hash))


def _check_bytes(store: Store, blob: Blob, file: StoredFile | None, with_hash: bool) -> Iterator[Finding]:
    what = f"image {blob.image_id}"
    if file is None:
        yield Finding(what, f"its data {blob.key} is not in store {store.id}")
    elif file.size != blob.size:
        yield Finding(what, f"its data {blob.key} has {file.size} bytes in store {store.id}, not {blob.size}")
    elif with_hash and blob.os_hash_value and (fault := _find_damage(store, blob)):
        yield Finding(what, f"its data {blob.key} in store {store.id} {fault}")


def _find_damage(store: Store, blob: Blob) -> str | None:
    """What is wrong with the bytes."""
    algorithm = blob.os_hash_algo or "sha512"
    try:
        found = hashlib.new(algorithm, usedforsecurity=False)
    except ValueError:
        return f"has a hash of a kind that is unknown here: {algorithm}"
    wrong = f"does not have the recorded {algorithm}"
    try:
        body, _ = store.open(blob.key)
    except DataNotFound:
        return wrong
    except StoreUnavailable as error:
        return f"cannot be read: {error}"
    try:
        while block := body.read(_BLOCK):
            found.update(block)
    except OSError:  # the disk does not give them back
        return wrong
    finally:
        body.close()
    return None if found.hexdigest() == blob.os_hash_value else wrong
