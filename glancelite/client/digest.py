"""Checks data that passes by: against what the service recorded of its image, or what the caller promised of it."""

import hashlib
import queue
import threading
from typing import Any

from .errors import BadData

USUAL = "sha512"
"""The algorithm of `os_hash_value`, unless a service is configured otherwise."""


class Hashing:
    """A digest worked out in a thread of its own, while the data is read and sent: hashing lets go of the interpreter.

    A few pieces wait for it at most. `finish` must be called, for the thread to end.
    """

    _WAITING = 4

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm
        self._hash = hashlib.new(algorithm, usedforsecurity=False)
        # Ctrl-C may come at any moment, and leaves a Queue locked for good if it comes in its `put`. SimpleQueue has no
        # such moment, and no bound: a piece waits for one of the places.
        self._pieces: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._places: queue.SimpleQueue[None] = queue.SimpleQueue()
        for _ in range(self._WAITING):
            self._places.put(None)
        self._thread: threading.Thread | None = None

    def update(self, piece: bytes) -> None:
        if self._thread is None:
            thread = threading.Thread(target=self._work, daemon=True)
            thread.start()
            self._thread = thread  # not before it runs: Ctrl-C may come meanwhile, and `finish` would wait for nothing
        if piece:
            self._places.get()
            self._pieces.put(piece)

    def finish(self) -> str:
        """The digest of all pieces, in hex; may be called again."""
        if self._thread is not None:
            self._pieces.put(b"")
            self._thread.join()
            self._thread = None
        return self._hash.hexdigest()

    def _work(self) -> None:
        while piece := self._pieces.get():
            self._hash.update(piece)
            self._places.put(None)


class Digest:
    """Follows data that passes by and compares it with what the service recorded of the image."""

    def __init__(self, image: dict[str, Any]) -> None:
        algorithm, expected = image.get("os_hash_algo"), image.get("os_hash_value")
        if not expected or algorithm not in hashlib.algorithms_available:
            algorithm, expected = "md5", image.get("checksum")
        self.algorithm, self._expected = str(algorithm), expected
        self._hash = Hashing(self.algorithm) if expected else None
        self._size, self.received = image.get("size"), 0

    @property
    def is_known(self) -> bool:
        """Is there a hash to compare with?"""
        return self._hash is not None

    def update(self, piece: bytes) -> None:
        self.received += len(piece)
        if self._hash is not None:
            self._hash.update(piece)

    def check(self) -> None:
        """Raise BadData unless all of the data came and has the recorded hash."""
        found = self._hash.finish() if self._hash is not None else None
        if self._size is not None and self.received != self._size:
            raise BadData(f"{self.received} bytes came, but the image has {self._size}.")
        if found != self._expected and self._hash is not None:
            raise BadData(f"the data's {self.algorithm} is {found}, but {self._expected} is recorded.")

    def close(self) -> None:
        """Nothing more comes, and nobody asks."""
        if self._hash is not None:
            self._hash.finish()
