"""Signed images: data is taken only when it fits the signature by a certificate that a real Barbican keeps."""

import base64
import datetime
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from barbican_server import Barbican
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from harness import Service, command, make_service, running
from importing import assert_untouched, run_import, stage, wait_for
from keystone_server import Keystone
from loaded import Run
from web import Web

from .conftest import PASSWORD, Caller, Cast, options
from .test_cli import alone, password, runner

DATA = b"what was signed" * 100_000
HASHES = {
    "SHA-224": hashes.SHA224(),
    "SHA-256": hashes.SHA256(),
    "SHA-384": hashes.SHA384(),
    "SHA-512": hashes.SHA512(),
}
KEYS: dict[str, Any] = {
    "RSA-PSS": rsa.generate_private_key(65537, 2048),
    "DSA": dsa.generate_private_key(2048),
    "ECC_SECP384R1": ec.generate_private_key(ec.SECP384R1()),
    "ECC_SECP521R1": ec.generate_private_key(ec.SECP521R1()),
}
KINDS = [("RSA-PSS", "SHA-224"), ("RSA-PSS", "SHA-256"), ("RSA-PSS", "SHA-512"), ("DSA", "SHA-256"),
         ("ECC_SECP384R1", "SHA-384"), ("ECC_SECP521R1", "SHA-512")]  # fmt: skip


def sign(kind: str, method: str, data: bytes = DATA) -> str:
    """In base64."""
    key, algorithm = KEYS[kind], HASHES[method]
    if kind == "RSA-PSS":
        made = key.sign(data, padding.PSS(padding.MGF1(algorithm), padding.PSS.MAX_LENGTH), algorithm)
    else:
        made = key.sign(data, algorithm if kind == "DSA" else ec.ECDSA(algorithm))
    return base64.b64encode(made).decode()


def certificate(kind: str) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "signer of images")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEYS[kind].public_key())
    builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    return (
        builder.serial_number(x509.random_serial_number()).sign(KEYS[kind], hashes.SHA256()).public_bytes(Encoding.PEM)
    )


@pytest.fixture(scope="module")
def barbican(keystone: Keystone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Barbican]:
    server = Barbican(tmp_path_factory.mktemp("barbican"), keystone, "glance", PASSWORD).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    server = Web()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def signing(
    keystone: Keystone, barbican: Barbican, web: Web, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The service, with Barbican for its key manager."""
    keys = {"KEY_MANAGER_BACKEND": "barbican", "BARBICAN_BARBICAN_ENDPOINT": barbican.url}
    settings = options(
        keystone,
        **keys,
        IMPORT_FILTERING_OPTS_ALLOW_PRIVATE="true",
        IMPORT_FILTERING_OPTS_ALLOWED_PORTS=str(web.server_port),
    )
    with running(make_service(tmp_path_factory.mktemp("signing") / "data", "together", "keystone", **settings)) as made:
        yield made


@pytest.fixture
def owner(cast: Cast, signing: Service) -> Caller:
    return Caller(signing.url, cast.token("owner"), "home")


@pytest.fixture(scope="module")
def certificates(barbican: Barbican, cast: Cast) -> dict[str, str]:
    """The UUIDs of certificates of project home, by the type of their keys."""
    token = cast.token("owner")
    return {kind: barbican.keep(token, certificate(kind)) for kind in KEYS}


@pytest.fixture
def claim(certificates: dict[str, str]) -> Callable[..., dict[str, str]]:
    """The properties of a signed image, some of them changed."""

    def make(kind: str = "RSA-PSS", method: str = "SHA-256", **other: str) -> dict[str, str]:
        return {
            "img_signature": sign(kind, method),
            "img_signature_hash_method": method,
            "img_signature_key_type": kind,
            "img_signature_certificate_uuid": certificates[kind],
        } | {f"img_signature{name}": value for name, value in other.items()}

    return make


# Uploads --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "method"), KINDS)
def test_data_that_fits_the_signature_is_taken(owner: Caller, claim, kind: str, method: str) -> None:
    image = owner.create(**claim(kind, method))

    assert owner.upload(image["id"], DATA).status == 204

    assert owner.get(f"/v2/images/{image['id']}").json["status"] == "active"
    assert owner.get(f"/v2/images/{image['id']}/file").body == DATA


@pytest.mark.parametrize(("kind", "method"), KINDS)
def test_other_data_is_refused_and_leaves_nothing_and_the_right_data_can_follow(
    owner: Caller, claim, kind: str, method: str
) -> None:
    image = owner.create(**claim(kind, method))

    reply = owner.upload(image["id"], DATA[:-1] + b"!")

    assert reply.status == 400
    assert f"Signature verification failed for image {image['id']}" in reply.text
    assert_untouched(owner, image["id"])
    assert owner.upload(image["id"], DATA).status == 204


@pytest.mark.parametrize("missing", ["", "_hash_method", "_key_type", "_certificate_uuid"])
def test_with_a_property_missing_nothing_is_checked(owner: Caller, claim, missing: str) -> None:
    properties = claim()
    del properties[f"img_signature{missing}"]
    image = owner.create(**properties)

    assert owner.upload(image["id"], b"unsigned").status == 204


REFUSED = {
    "the hash": ({"_hash_method": "MD5"}, "img_signature_hash_method is 'MD5'"),
    "the key type": ({"_key_type": "RSA"}, "img_signature_key_type is 'RSA'"),
    "the base64": ({"": "no base64!"}, "img_signature is not in base64"),
    "the certificate's name": ({"_certificate_uuid": "../secrets"}, "which is no UUID"),
    "no such certificate": (
        {"_certificate_uuid": "1e7f0000-0000-4000-8000-00000000dead"}, "there is no certificate 1e7f0000"
    ),
    "a key of another type": ({"_key_type": "DSA"}, "is no img_signature_key_type DSA"),
    "a key of another curve": ({"_key_type": "ECC_SECP521R1"}, "is no img_signature_key_type ECC_SECP521R1"),
}  # fmt: skip


@pytest.mark.parametrize("row", REFUSED)
def test_what_cannot_be_checked_is_refused_with_the_reason(owner: Caller, claim, row: str) -> None:
    changed, reason = REFUSED[row]
    image = owner.create(**claim("ECC_SECP384R1" if "curve" in row else "RSA-PSS", **changed))

    reply = owner.upload(image["id"], DATA)

    assert reply.status == 400
    assert "signature cannot be checked" in reply.text
    assert reason in reply.text
    assert_untouched(owner, image["id"])


@pytest.mark.parametrize(
    ("payload", "kind"),
    [(b"no certificate", "certificate"), (b"no certificate", "opaque"), (certificate("RSA-PSS"), "passphrase")],
)
def test_a_secret_that_is_no_certificate_is_refused(
    owner: Caller, claim, barbican: Barbican, payload: bytes, kind: str
) -> None:
    image = owner.create(**claim(_certificate_uuid=barbican.keep(owner.token, payload, kind)))

    reply = owner.upload(image["id"], DATA)

    assert reply.status == 400
    assert "signature cannot be checked" in reply.text
    assert_untouched(owner, image["id"])


def test_a_certificate_that_the_caller_may_not_read_is_refused(
    owner: Caller, cast: Cast, claim, barbican: Barbican
) -> None:
    theirs = barbican.keep(cast.token("foreign"), certificate("RSA-PSS"))
    image = owner.create(**claim(_certificate_uuid=theirs))

    reply = owner.upload(image["id"], DATA)

    assert (reply.status, theirs in reply.text) == (400, True)
    assert_untouched(owner, image["id"])


def test_a_salt_of_any_length_fits(owner: Caller, claim) -> None:
    """Programs differ in the length they take when none is said: `openssl` has changed it."""
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    short = base64.b64encode(KEYS["RSA-PSS"].sign(DATA, scheme, hashes.SHA256())).decode()
    image = owner.create(**claim("RSA-PSS", "SHA-256") | {"img_signature": short})

    assert owner.upload(image["id"], DATA).status == 204


@pytest.fixture
def glancelite(owner: Caller, cast: Cast, tmp_path: Path) -> Run:
    who = password(cast, "owner", OS_IMAGE_ENDPOINT_OVERRIDE=owner.url)
    run = runner(alone(*command()), tmp_path)
    return lambda *words: run(*words, **who)


@pytest.mark.parametrize("kind", KEYS)
def test_our_command_line_signs_a_file_and_the_service_takes_it(
    owner: Caller, glancelite: Run, certificates: dict[str, str], name: str, kind: str, tmp_path: Path
) -> None:
    key, disk = tmp_path / "signer.key", tmp_path / "disk.img"
    key.write_bytes(KEYS[kind].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    disk.write_bytes(DATA)
    words = ("image", "create", name, "--file", disk, "--sign-key-path", key, "--sign-cert-id")
    other = certificates["DSA" if kind != "DSA" else "RSA-PSS"]

    signed, by_another = glancelite(*words, certificates[kind]), glancelite(*words, other)

    assert (signed.code, by_another.code) == (0, 1), (signed.err, by_another.err)
    assert "signature cannot be checked" in by_another.err
    (image,) = owner.list(f"name={name}")
    assert (image["status"], image["img_signature_key_type"]) == ("active", kind)
    assert image["img_signature_certificate_uuid"] == certificates[kind]


# Imports --------------------------------------------------------------------------------------------------------------


def test_an_import_of_signed_data_succeeds(owner: Caller, claim) -> None:
    image = owner.create(**claim("ECC_SECP384R1", "SHA-384"))
    assert stage(owner, image["id"], DATA).status == 204

    assert run_import(owner, image["id"], "glance-direct")["status"] == "success"

    assert owner.get(f"/v2/images/{image['id']}/file").body == DATA


def test_an_import_of_other_data_fails_with_the_reason_and_drops_what_was_staged(owner: Caller, claim) -> None:
    image = owner.create(**claim())
    assert stage(owner, image["id"], b"something else").status == 204

    task = run_import(owner, image["id"], "glance-direct")

    assert task["status"] == "failure"
    assert "Signature verification failed" in task["message"]
    assert_untouched(owner, image["id"])
    assert stage(owner, image["id"], DATA).status == 204
    assert run_import(owner, image["id"], "glance-direct")["status"] == "success"


@pytest.mark.parametrize(("served", "status"), [(DATA, "success"), (b"something else", "failure")])
def test_a_download_from_the_web_is_checked_too(owner: Caller, web: Web, claim, served: bytes, status: str) -> None:
    image = owner.create(**claim())

    assert run_import(owner, image["id"], "web-download", uri=web.put("/signed", served))["status"] == status


@pytest.mark.parametrize(("served", "status"), [(DATA, "success"), (b"something else", "failure")])
def test_and_so_is_a_task_of_type_import(
    cast: Cast, signing: Service, web: Web, claim, served: bytes, status: str
) -> None:
    admin = Caller(signing.url, cast.token("admin"), "home")
    source = {"import_from": web.put("/by-task", served), "import_from_format": "raw"}
    properties = {"name": "by a task"} | claim()

    made = admin.post("/v2/tasks", {"type": "import", "input": source | {"image_properties": properties}}).json

    def ended() -> dict[str, Any] | None:
        task: dict[str, Any] = admin.get(f"/v2/tasks/{made['id']}").json
        return task if task["status"] in ("success", "failure") else None

    task = wait_for(ended)
    assert task["status"] == status, task
    assert ("Signature verification failed" in task["message"]) == (status == "failure")


# Key managers that are none -------------------------------------------------------------------------------------------


def test_a_key_manager_that_is_away_refuses_the_data(owner: Caller, claim, barbican: Barbican) -> None:
    image = owner.create(**claim())
    barbican.stop()
    try:
        reply = owner.upload(image["id"], DATA)
    finally:
        barbican.start()

    assert reply.status == 400
    assert "cannot be had from the key manager" in reply.text
    assert_untouched(owner, image["id"])
    assert owner.upload(image["id"], DATA).status == 204


def test_without_a_key_manager_signed_data_is_refused(cast: Cast, claim) -> None:
    image = cast.owner.create(**claim())

    reply = cast.owner.upload(image["id"], DATA)

    assert reply.status == 400
    assert "this service has no key manager" in reply.text
    assert_untouched(cast.owner, image["id"])
