"""Checks data that passes by: against what the service recorded of its image, or what the caller promised of it."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from .errors import BadData


class Digest:
    """Follows data that passes by and compares it with what the service recorded of the image."""

    def __init__(self, image: dict[str, Any]) -> None:
        algorithm, expected = image.get("os_hash_algo"), image.get("os_hash_value")
        if not expected or algorithm not in hashlib.algorithms_available:
            algorithm, expected = "md5", image.get("checksum")
        self.algorithm, self._expected = str(algorithm), expected
        self._hash = hashlib.new(self.algorithm, usedforsecurity=False) if expected else None
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
        if self._size is not None and self.received != self._size:
            raise BadData(f"{self.received} bytes came, but the image has {self._size}.")
        if self._hash is not None and self._hash.hexdigest() != self._expected:
            raise BadData(f"the data's {self.algorithm} is {self._hash.hexdigest()}, but {self._expected} is recorded.")


def promised(pieces: Iterable[bytes], algorithm: str, expected: str) -> Iterator[bytes]:
    """Pass the pieces on; BadData before the last one, so that no service takes data of another digest for whole."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    held = b""
    for piece in pieces:
        digest.update(piece)
        if held:
            yield held
        held = piece
    if digest.hexdigest() != expected:
        raise BadData(f"the data's {algorithm} is {digest.hexdigest()}, but --checksum says {expected}.")
    if held:
        yield held
