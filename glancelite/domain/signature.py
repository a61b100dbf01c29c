"""What an image says of its signature: four properties, which name a certificate kept elsewhere.

Source: the properties of signed images in OpenStack, which Nova and Cinder read as well.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import SignatureRefused
from .fields import UUID_PATTERN

SIGNATURE, HASH, KEY_TYPE, CERTIFICATE = (
    "img_signature", "img_signature_hash_method", "img_signature_key_type", "img_signature_certificate_uuid",
)  # fmt: skip
_ALGORITHMS = {"SHA-224": "sha224", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
KEY_TYPES = ("RSA-PSS", "DSA", "ECC_SECP384R1", "ECC_SECP521R1")


@dataclass(frozen=True)
class Claim:
    """That data was signed: with the key of a certificate, over its digest by `algorithm` (as hashlib names it)."""

    signature: bytes
    algorithm: str
    key_type: str
    certificate: str


def is_signed(properties: Mapping[str, str | None]) -> bool:
    """Do these properties ask for a check? One that is missing makes it none, as in Glance."""
    return all(name in properties for name in (SIGNATURE, HASH, KEY_TYPE, CERTIFICATE))


def claim_of(properties: Mapping[str, str | None]) -> Claim:
    """The claim of a signed image; SignatureRefused where it is not understood."""
    method, key_type, certificate = (properties[name] or "" for name in (HASH, KEY_TYPE, CERTIFICATE))
    if method not in _ALGORITHMS:
        raise SignatureRefused(reason=f"{HASH} is '{method:.80}'; it must be one of {', '.join(_ALGORITHMS)}.")
    if key_type not in KEY_TYPES:
        raise SignatureRefused(reason=f"{KEY_TYPE} is '{key_type:.80}'; it must be one of {', '.join(KEY_TYPES)}.")
    if not re.fullmatch(UUID_PATTERN, certificate):
        raise SignatureRefused(reason=f"{CERTIFICATE} is '{certificate:.80}', which is no UUID.")
    try:
        signature = base64.b64decode("".join((properties[SIGNATURE] or "").split()), validate=True)
    except (ValueError, binascii.Error) as error:
        raise SignatureRefused(reason=f"{SIGNATURE} is not in base64.") from error
    return Claim(signature, _ALGORITHMS[method], key_type, certificate)
