"""`--sign-key-path`: a signature over the data of a new image, as properties that the service checks it by."""

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glancelite.domain.signature import CERTIFICATE, HASH, KEY_TYPE, SIGNATURE

from .progress import Meter
from .sending import hash_file

if TYPE_CHECKING:
    from .source import Source


def sign(source: "Source | None", path: str | None, certificate: str | None, meter: Meter) -> dict[str, str]:
    """The properties of a signature by the key in this file. The data is read for it."""
    if not path or not certificate:
        raise click.UsageError("--sign-key-path and --sign-cert-id go together.")
    if source is None or source.is_pipe:
        raise click.UsageError("--sign-key-path needs --file: data from elsewhere cannot be read before it is sent.")
    try:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa, utils
    except ImportError as error:
        raise click.ClickException("To sign, install what it needs: pip install 'glancelite[signatures]'.") from error
    key, algorithm = _load(path), hashes.SHA256()
    digest = bytes.fromhex(hash_file(source, algorithm.name, meter))
    prehashed = utils.Prehashed(algorithm)
    if isinstance(key, rsa.RSAPrivateKey):
        scheme = padding.PSS(padding.MGF1(algorithm), padding.PSS.MAX_LENGTH)
        kind, signature = "RSA-PSS", key.sign(digest, scheme, prehashed)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        kind, signature = f"ECC_{key.curve.name.upper()}", key.sign(digest, ec.ECDSA(prehashed))
    elif isinstance(key, dsa.DSAPrivateKey):
        kind, signature = "DSA", key.sign(digest, prehashed)
    else:
        raise click.ClickException(f"The key in {path} is neither of RSA, DSA nor of an elliptic curve.")
    encoded = base64.b64encode(signature).decode()
    return {SIGNATURE: encoded, HASH: "SHA-256", KEY_TYPE: kind, CERTIFICATE: certificate}


def _load(path: str) -> Any:
    """The private key in a file of PEM; its password is asked for where it has one."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise click.ClickException(f"Cannot read {path}: {error.strerror}.") from error
    try:
        try:
            return load_pem_private_key(text, None)
        except TypeError:  # it is encrypted
            return load_pem_private_key(text, click.prompt(f"Password of {path}", hide_input=True, err=True).encode())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise click.ClickException(f"The key in {path} cannot be used: {error}.") from error
