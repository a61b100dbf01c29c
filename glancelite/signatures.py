"""Certificates that images are signed with, from OpenStack's key manager through castellan, and signatures by them.

Imported only where `[key_manager] backend` is set.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from castellan import key_manager, options
from castellan.common.credentials.keystone_token import KeystoneToken
from castellan.common.exception import CastellanException, ManagedObjectNotFoundError
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa, utils
from keystoneauth1.exceptions import ClientException
from oslo_config import cfg

from .domain.ports import KeyManager, Signature
from .domain.signature import CERTIFICATE, KEY_TYPE, Claim
from .errors import ConfigError, SignatureRefused

log = logging.getLogger(__name__)

Check = Callable[[bytes, bytes], Any]
"""Of a signature and a digest; raises InvalidSignature."""

_INTERFACES = ("public", "internal", "admin")
_HASHES = {one.name: one for one in (hashes.SHA224(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512())}


class Castellan(KeyManager):
    """Barbican, asked with the caller's own token: who may not read a certificate cannot use it here either."""

    def __init__(self, section: Mapping[str, Any], auth_url: str) -> None:
        """The options of section [barbican] that are not empty; ConfigError where they do not do."""
        self._auth_url = section.get("auth_endpoint") or auth_url
        if not self._auth_url:
            raise ConfigError(reason="[barbican] auth_endpoint is not set: where is the Keystone that Barbican asks?")
        if section.get("barbican_endpoint_type") not in _INTERFACES:
            raise ConfigError(reason=f"[barbican] barbican_endpoint_type must be one of {', '.join(_INTERFACES)}.")
        conf = cfg.ConfigOpts()
        conf([], project="glancelite", default_config_files=[], default_config_dirs=[])
        options.set_defaults(
            conf,
            backend="barbican",
            barbican_endpoint=section.get("barbican_endpoint"),
            auth_endpoint=self._auth_url,
            barbican_endpoint_type=section.get("barbican_endpoint_type"),
            verify_ssl=section.get("verify_ssl"),
            verify_ssl_path=section.get("verify_ssl_path"),
        )
        self._keys = key_manager.API(conf)
        conf.set_override("barbican_region_name", section.get("barbican_region_name"), group="barbican")

    def open_signature(self, claim: Claim, project: str | None, token: str) -> Signature:
        try:
            certificate = x509.load_der_x509_certificate(self._fetch(claim.certificate, project, token))
            return _Signature(claim, _find_check(claim, certificate.public_key()))
        except (ValueError, UnsupportedAlgorithm) as error:
            raise SignatureRefused(reason=f"certificate {claim.certificate:.80} cannot be read: {error}.") from error

    def _fetch(self, uuid: str, project: str | None, token: str) -> bytes:
        """The certificate in DER."""
        context = KeystoneToken(token, auth_url=self._auth_url, project_id=project)
        try:
            encoded = self._keys.get(context, uuid).get_encoded()
        except ManagedObjectNotFoundError as error:
            raise SignatureRefused(reason=f"there is no certificate {uuid:.80}.") from error
        except (CastellanException, ClientException, ValueError, TypeError) as error:
            log.error("certificate %.80s cannot be had: %s", uuid, error)
            reason = f"certificate {uuid:.80} cannot be had from the key manager."
            raise SignatureRefused(reason=reason) from error
        if not isinstance(encoded, bytes):
            raise SignatureRefused(reason=f"{CERTIFICATE} {uuid:.80} names something else than a certificate.")
        return encoded


class _Signature(Signature):
    def __init__(self, claim: Claim, check: Check) -> None:
        self.algorithm, self._signature, self._check = claim.algorithm, claim.signature, check

    def fits(self, digest: bytes) -> bool:
        try:
            self._check(self._signature, digest)
        except (InvalidSignature, ValueError):  # the latter of a key that is too small for such a digest
            return False
        return True


def _find_check(claim: Claim, key: object) -> Check:
    """How a signature is checked with this key; SignatureRefused for a key of another type."""
    algorithm = _HASHES[claim.algorithm]
    digest = utils.Prehashed(algorithm)
    if claim.key_type == "RSA-PSS" and isinstance(key, rsa.RSAPublicKey):
        scheme = padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO)
        return lambda signature, value: key.verify(signature, value, scheme, digest)
    if claim.key_type == "DSA" and isinstance(key, dsa.DSAPublicKey):
        return lambda signature, value: key.verify(signature, value, digest)
    if isinstance(key, ec.EllipticCurvePublicKey) and claim.key_type == f"ECC_{key.curve.name.upper()}":
        return lambda signature, value: key.verify(signature, value, ec.ECDSA(digest))
    raise SignatureRefused(reason=f"the key of certificate {claim.certificate:.80} is no {KEY_TYPE} {claim.key_type}.")
