"""Where signatures are checked: what its settings have to say, and keys that do not do."""

import hashlib

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from glancelite.domain.signature import Claim
from glancelite.errors import ConfigError
from glancelite.signatures import Castellan, _find_check, _Signature


@pytest.mark.parametrize(
    ("section", "auth_url", "said"),
    [
        ({"barbican_endpoint_type": "public"}, "", "auth_endpoint is not set"),
        ({"barbican_endpoint_type": "inner"}, "http://keystone.example/v3", "must be one of public, internal, admin"),
    ],
)
def test_settings_that_do_not_do_stop_the_start(section: dict[str, str], auth_url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Castellan(section, auth_url)


SMALL = b"""\
-----BEGIN PUBLIC KEY-----
MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAOPzkJWyFWNgerTuzC1Br3TBAi16sOc1
p6LalCxizDtf8QHSAkm+V/u76cmsJmKITnUEhwMqq6Q5PH0zw+ZkyqkCAwEAAQ==
-----END PUBLIC KEY-----
"""
"""An RSA key of 512 bits, such as nothing makes any more and somebody may still have."""


@pytest.mark.parametrize("signature", [b"", b"x", bytes(64), bytes(5000)])
def test_nothing_fits_a_key_that_is_too_small_for_the_digest(signature: bytes) -> None:
    claim = Claim(signature, "sha512", "RSA-PSS", "1e7f0000-0000-4000-8000-000000000001")
    check = _find_check(claim, load_pem_public_key(SMALL))

    assert not _Signature(claim, check).fits(hashlib.sha512(b"data").digest())
