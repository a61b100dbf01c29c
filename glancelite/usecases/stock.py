"""What is in a store, as the registry knows it; and a try whether the store does what stores do."""

import hashlib
import os
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..domain.ports import Store
from ..errors import GlanceliteError
from .services import Services

_PAGE = 1000
_BLOCK = 64 << 10
_BLOCKS = 16
"""A try is with a MiB: more than one block of any driver's."""


@dataclass
class Stock:
    """Images with data in a store and its bytes; what is being written, waits for an import, is about to go."""

    images: int = 0
    bytes: int = 0
    writing: int = 0
    staged: int = 0
    staged_bytes: int = 0
    dropping: int = 0
    dropping_bytes: int = 0


def count_stock(services: Services, store_id: str) -> Stock:
    """What the registry says is in a store."""
    stock, last = Stock(), ""
    while page := services.registry.list_blobs(store_id, last, _PAGE):
        for blob in page:
            _count(stock, blob.state, blob.size or 0)
        last = page[-1].key
    return stock


def _count(stock: Stock, state: str, size: int) -> None:
    if state == "live":
        stock.images, stock.bytes = stock.images + 1, stock.bytes + size
    elif state == "staged":
        stock.staged, stock.staged_bytes = stock.staged + 1, stock.staged_bytes + size
    elif state == "dropping":
        stock.dropping, stock.dropping_bytes = stock.dropping + 1, stock.dropping_bytes + size
    else:
        stock.writing += 1


@dataclass(frozen=True)
class Step:
    """One thing that was tried; `fault` is None where it worked."""

    name: str
    seconds: float
    fault: str | None


def try_store(store: Store) -> Iterator[Step]:
    """Write an object of its own to the store, read it, delete it, and see that it is gone; ends at the first failure,
    with nothing left if the store lets it."""
    key, blocks = str(uuid.uuid4()), [os.urandom(_BLOCK) for _ in range(_BLOCKS)]
    digest = hashlib.sha256(b"".join(blocks)).digest()
    steps: tuple[tuple[str, Callable[[], str | None]], ...] = (
        ("place", lambda: store.check().reason),
        ("write", lambda: _write(store, key, blocks)),
        ("read", lambda: _compare(store, key, digest)),
        ("delete", lambda: store.delete(key)),
        ("is gone", lambda: _is_gone(store, key)),
    )
    is_gone = False
    try:
        for name, act in steps:
            step = _do(name, act)
            yield step
            if step.fault is not None:
                return
        is_gone = True
    finally:  # of a Ctrl-C, too
        if not is_gone:
            _do("delete", lambda: store.delete(key))


def _do(name: str, act: Callable[[], str | None]) -> Step:
    began = time.monotonic()
    try:
        fault = act()
    except (GlanceliteError, OSError) as error:
        fault = str(error)
    return Step(name, time.monotonic() - began, fault)


def _write(store: Store, key: str, blocks: list[bytes]) -> None:
    store.add(key, iter(blocks))


def _compare(store: Store, key: str, digest: bytes) -> str | None:
    body, _ = store.open(key)
    try:
        found = hashlib.sha256()
        while block := body.read(_BLOCK):
            found.update(block)
    finally:
        body.close()
    return None if found.digest() == digest else "what is read is not what was written"


def _is_gone(store: Store, key: str) -> str | None:
    return "it is still there" if any(file.key == key for file in store.list()) else None
