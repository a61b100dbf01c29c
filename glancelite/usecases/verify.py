"""Reads the bytes of every store again and compares them with what the registry recorded. Changes nothing, unless it is
asked to put wrong sizes right."""

import hashlib
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass

from ..domain.context import Context
from ..domain.ports import Blob, Store
from ..domain.query import Condition, ImageQuery
from ..errors import DataNotFound, ImageNotFound, StoreUnavailable
from .services import Services

_PAGE = 1000
_BLOCK = 1 << 20
OPERATOR = Context(roles=("admin",))
"""Who looks after the service sees every image."""


@dataclass(frozen=True)
class Verdict:
    """What reading one copy of an image's data showed; `fault` is None where all is as recorded."""

    image_id: str
    store: str
    size: int | None
    fault: str | None


def find_images(services: Services, name: str) -> tuple[str, ...]:
    """Ids of the standing images of this id or, if there is none, this name."""
    try:
        return (services.registry.show_image(OPERATOR, name).id,)
    except ImageNotFound:
        named = (Condition("name", "in", (name,)),)
        queries = [ImageQuery(100, visibility="all", os_hidden=hidden, conditions=named) for hidden in (False, True)]
        return tuple(image.id for query in queries for image in services.registry.list_images(OPERATOR, query))


def list_copies(
    services: Services, images: Container[str] | None, store_id: str | None
) -> Iterator[tuple[Store, Blob]]:
    """The live copies of these images (None: all) in this store (None: all whose bytes this process can see)."""
    for store in services.stores:
        if store.is_shared and store_id in (None, store.id):
            last = ""
            while page := services.registry.list_blobs(store.id, last, _PAGE):
                last = page[-1].key
                wanted = (blob for blob in page if images is None or blob.image_id in images)
                yield from ((store, blob) for blob in wanted if blob.state == "live")


def verify(
    services: Services,
    images: Container[str] | None,
    store_id: str | None,
    *,
    fix_size: bool = False,
    seen: Callable[[int], None] = lambda count: None,
) -> Iterator[Verdict]:
    """A verdict on each copy; `seen` is told of bytes as they are read.

    A wrong size is put right with `fix_size` where the hashes are those recorded: then the bytes are what was uploaded.
    """
    for store, blob in list_copies(services, images, store_id):
        fault = _find_fault(services, store, blob, fix_size, seen)
        if fault is None or fault.is_fixed or _still_stands(services, blob):  # what was deleted meanwhile is no fault
            yield Verdict(blob.image_id, store.id, blob.size, fault.sentence if fault else None)
    if store_id is None:
        for blob in _unconfigured(services):
            if images is None or blob.image_id in images:
                yield Verdict(blob.image_id, blob.store, blob.size, "its store is not configured here")


def _unconfigured(services: Services) -> Iterator[Blob]:
    """Live copies in stores that the registry knows of and this configuration does not."""
    for store_id in set(services.registry.list_stores()) - {store.id for store in services.stores.places}:
        last = ""
        while page := services.registry.list_blobs(store_id, last, _PAGE):
            last = page[-1].key
            yield from (blob for blob in page if blob.state == "live")


@dataclass(frozen=True)
class _Fault:
    sentence: str
    is_fixed: bool = False


def _still_stands(services: Services, blob: Blob) -> bool:
    """Is the row what it was when the reading began? It is among the few that share all but the key's last digit."""
    return blob in services.registry.list_blobs(blob.store, blob.key[:-1], 32)


def _find_fault(
    services: Services, store: Store, blob: Blob, fix_size: bool, seen: Callable[[int], None]
) -> _Fault | None:
    wanted = {"md5": blob.checksum, blob.os_hash_algo or "sha512": blob.os_hash_value}
    try:
        digests = {name: hashlib.new(name, usedforsecurity=False) for name, value in wanted.items() if value}
    except ValueError:
        return _Fault(f"its hash is of a kind that is unknown here: {blob.os_hash_algo}")
    try:
        size = _read(store, blob.key, list(digests.values()), seen)
    except DataNotFound:
        return _Fault("its data is not there")
    except (StoreUnavailable, OSError) as error:
        return _Fault(f"its data cannot be read: {error}")
    wrong = [name for name, digest in digests.items() if digest.hexdigest() != wanted[name]]
    sizes = {known for known in (blob.size, _size_of(services, blob)) if known != size}
    if wrong:
        what = f"it has {size} bytes, not {blob.size}, and" if size != blob.size else "it"
        return _Fault(f"{what} does not have the recorded {' and '.join(wrong)}")
    if not sizes:
        return None
    recorded = " and ".join(sorted(map(str, sizes)))
    if fix_size and digests and services.registry.correct_size(blob.key, size):
        return _Fault(f"its size was recorded as {recorded}, and is {size} now", is_fixed=True)
    return _Fault(f"it has {size} bytes, but {recorded} is recorded" + ("; its hashes are right" if digests else ""))


def _size_of(services: Services, blob: Blob) -> int | None:
    """What the image says; of a deleted one whose bytes are kept for a while nothing is asked."""
    try:
        return services.registry.show_image(OPERATOR, blob.image_id).size
    except ImageNotFound:
        return blob.size


def _read(store: Store, key: str, digests: "list[hashlib._Hash]", seen: Callable[[int], None]) -> int:
    size = 0
    body, _ = store.open(key)
    try:
        while block := body.read(_BLOCK):
            size += len(block)
            for digest in digests:
                digest.update(block)
            seen(len(block))
    finally:
        body.close()
    return size
