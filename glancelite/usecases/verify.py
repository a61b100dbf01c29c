"""Reads the bytes of every store again and compares them with what the registry recorded. Changes nothing."""

import hashlib
from collections.abc import Container, Iterator
from dataclasses import dataclass

from ..domain.ports import Blob, Store
from ..errors import DataNotFound, StoreUnavailable
from .services import Services

_PAGE = 1000
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Verdict:
    """What reading one copy of an image's data showed; `fault` is None where all is as recorded."""

    image_id: str
    store: str
    size: int | None
    fault: str | None


def verify(services: Services, images: Container[str] | None, store_id: str | None) -> Iterator[Verdict]:
    """A verdict on each live copy, of these images (None: all), in this store (None: all that can be looked at)."""
    for store in services.stores:
        if store.is_shared and store_id in (None, store.id):
            yield from _verify_store(services, store, images)


def _verify_store(services: Services, store: Store, images: Container[str] | None) -> Iterator[Verdict]:
    last = ""
    while page := services.registry.list_blobs(store.id, last, _PAGE):
        for blob in page:
            if blob.state == "live" and (images is None or blob.image_id in images):
                fault = _find_fault(store, blob)
                if fault is None or _still_stands(services, blob, last):  # what was deleted meanwhile is no fault
                    yield Verdict(blob.image_id, store.id, blob.size, fault)
            last = blob.key


def _still_stands(services: Services, blob: Blob, before: str) -> bool:
    last = before
    while last < blob.key and (page := services.registry.list_blobs(blob.store, last, _PAGE)):
        if blob in page:
            return True
        last = page[-1].key
    return False


def _find_fault(store: Store, blob: Blob) -> str | None:
    wanted = {"md5": blob.checksum, blob.os_hash_algo or "sha512": blob.os_hash_value}
    digests = {name: hashlib.new(name, usedforsecurity=False) for name, value in wanted.items() if value}
    try:
        size = _read(store, blob.key, list(digests.values()))
    except DataNotFound:
        return "its data is not there"
    except (StoreUnavailable, OSError) as error:
        return f"its data cannot be read: {error}"
    if size != blob.size:
        return f"it has {size} bytes, not {blob.size}"
    wrong = [name for name, digest in digests.items() if digest.hexdigest() != wanted[name]]
    return f"it does not have the recorded {' and '.join(wrong)}" if wrong else None


def _read(store: Store, key: str, digests: "list[hashlib._Hash]") -> int:
    size = 0
    body, _ = store.open(key)
    try:
        while block := body.read(_BLOCK):
            size += len(block)
            for digest in digests:
                digest.update(block)
    finally:
        body.close()
    return size
