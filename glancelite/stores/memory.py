"""The memory store: bytes in this process, gone with it. For tests and for labs that want no disk; one worker only.

[glance_store]
default_store = memory
"""

import io
import threading
import time
from collections.abc import Iterable, Iterator

from ..domain.ports import Body, Registry, Store, StoredFile, StoreStatus
from ..errors import DataNotFound


class MemoryStore(Store):
    """Keeps bytes in a dictionary."""

    driver = "memory"
    is_shared = False

    def __init__(self, store_id: str) -> None:
        super().__init__(store_id)
        self._blobs: dict[str, tuple[bytes, float]] = {}
        self._lock = threading.Lock()

    def attach(self, registry: Registry) -> None:
        registry.claim_store(self.id, "memory")

    def add(self, key: str, blocks: Iterable[bytes | memoryview]) -> str:
        data = bytearray()
        for block in blocks:
            data += block
        with self._lock:
            self._blobs[key] = (bytes(data), time.time())
        return f"memory://{key}"

    def open(self, key: str, offset: int = 0) -> tuple[Body, int]:
        found = self._blobs.get(key)
        if found is None:
            raise DataNotFound(image_id=key)
        body = io.BytesIO(found[0])
        body.seek(offset)
        return _Readable(body), len(found[0])

    def delete(self, key: str) -> None:
        with self._lock:
            self._blobs.pop(key, None)

    def list(self) -> Iterator[StoredFile]:
        now = time.time()
        for key, (data, since) in list(self._blobs.items()):
            yield StoredFile(key, key, len(data), now - since)

    def check(self) -> StoreStatus:
        return StoreStatus()


class _Readable:
    """Bytes to read that own no file descriptor (BytesIO has a `fileno` that raises)."""

    def __init__(self, body: io.BytesIO) -> None:
        self.read = body.read
        self.close = body.close
