"""Data on its way to the service: read, hashed beside, shown, and compared with what the service recorded of it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

from glancelite.client.errors import BadData, WrongHash

from .progress import Meter, follow
from .service import note
from .source import Source

if TYPE_CHECKING:
    from glancelite.client.images import Images
    from glancelite.domain.digest import Digest

_LARGE = 64 << 20
"""A file to hash while it is sent, not again afterwards."""


class Sending:
    """One way of data to the service. `promise`: what it must be; `compared_by`: the algorithm by which `compare` will
    probably be asked, None where it will not."""

    def __init__(
        self, source: Source, meter: Meter, promise: "Digest | None" = None, compared_by: str | None = None
    ) -> None:
        from glancelite.client.digest import Hashing

        self._source, self._meter, self._promise = source, meter, promise
        wanted = ([compared_by] if compared_by else []) + ([promise.algorithm] if promise else [])
        self._hashes = {algorithm: Hashing(algorithm) for algorithm in wanted}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for each in self._hashes.values():
            each.finish()

    def pieces(self) -> Iterator[bytes]:
        """The data. With a promise it stops before the last piece when it is not kept, so that no service takes other
        data for whole."""
        yield from follow(self._kept(self._watched()), self._source.length, self._meter)
        if self._hashes:
            self._meter.check(next(iter(self._hashes)))

    def _watched(self) -> Iterator[bytes]:
        for piece in self._source.pieces():
            for each in self._hashes.values():
                each.update(piece)
            yield piece

    def _kept(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        if self._promise is None:
            yield from pieces
            return
        held = b""
        for piece in pieces:
            if held:
                yield held
            held = piece
        check_promise(self._promise, self._hashes[self._promise.algorithm].finish())
        if held:
            yield held

    def compare(self, image: dict[str, Any]) -> None:
        """Raise WrongHash where the service has recorded another hash than that of the data that was sent."""
        algorithm, recorded = image.get("os_hash_algo"), image.get("os_hash_value")
        if not recorded:
            note(f"The service recorded no hash of image {image['id']}: it could not be compared.")
            return
        found = self._find(str(algorithm))
        if found is None:
            note(f"The service recorded a {algorithm} of image {image['id']}, which could not be compared.")
        elif found != recorded:
            raise WrongHash(f"the {algorithm} of the data is {found}, but the service recorded {recorded}")

    def _find(self, algorithm: str) -> str | None:
        """The hash of what was sent. A file is read again for one that nobody could know of before."""
        if algorithm in self._hashes:
            return self._hashes[algorithm].finish()
        import hashlib

        if self._source.is_pipe or algorithm not in hashlib.algorithms_available:
            return None
        return hash_file(self._source, algorithm, self._meter)


def algorithm_for(images: "Images", source: Source) -> str:
    """By which the service will probably hash this. It is asked where being wrong is dear: a large file would be read
    again, a pipe cannot be."""
    from glancelite.client.digest import USUAL

    is_dear = source.is_pipe or source.length is None or source.length >= _LARGE
    return images.hash_algorithm() if is_dear else USUAL


def check_promise(promise: "Digest", found: str) -> None:
    """Raise BadData when the data is not what --checksum says."""
    if found != promise.value:
        raise BadData(f"the data's {promise.algorithm} is {found}, but --checksum says {promise.value}.")


def hash_file(source: Source, algorithm: str, meter: Meter) -> str:
    """The hash of a file that has not been read yet, or is read again."""
    from glancelite.client.digest import Hashing

    hashing = Hashing(algorithm)
    try:
        for piece in follow(source.again(), source.length, meter, f"checking {algorithm}"):
            hashing.update(piece)
    finally:
        found = hashing.finish()
    return found
