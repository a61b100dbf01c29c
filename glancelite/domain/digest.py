"""A digest that data is promised to have: `sha256:<hex>`, as callers write it."""

import re
from dataclasses import dataclass

from ..errors import DigestMismatch

ALGORITHMS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "sha3_512", "blake2b", "blake2s")

_DIGEST = re.compile(r"([a-z0-9_]{1,20}):([0-9a-f]{1,128})")


@dataclass(frozen=True)
class Digest:
    """An algorithm and the value, in lower-case hex."""

    algorithm: str
    value: str

    def check(self, image_id: str, found: str) -> None:
        """Raise DigestMismatch when the data has another one."""
        import hmac

        if not hmac.compare_digest(found, self.value):
            raise DigestMismatch(image_id=image_id, algorithm=self.algorithm, found=found, expected=self.value)


def parse_digest(text: str) -> Digest:
    """Read `ALGORITHM:HEX`; ValueError, with a sentence, for what is none."""
    found = _DIGEST.fullmatch(text.strip().lower())
    if found is None or found[1] not in ALGORITHMS:
        raise ValueError(f"it must be ALGORITHM:HEX with one of {', '.join(ALGORITHMS)}")
    import hashlib  # here, for a command line that is given none

    digits = hashlib.new(found[1], usedforsecurity=False).digest_size * 2
    if len(found[2]) != digits:
        raise ValueError(f"a digest by {found[1]} has {digits} hexadecimal digits")
    return Digest(found[1], found[2])
