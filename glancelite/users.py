"""The file of users and tokens that the `file` pipeline knows callers by, and how it is read and changed.

Passwords are kept as scrypt hashes, tokens as sha256 of 32 random bytes: what the file holds lets nobody in. It is
replaced as a whole, so that a reader sees the old or the new one, and a lock next to it keeps two changes apart.
"""

import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import BadRequest, ConfigError, Conflict, TokenNotFound, UserNotFound

Stamp = tuple[int, int, int]
Document = dict[str, dict[str, dict[str, Any]]]

PASSWORD_LIMIT = 1024
SCRYPT_COST = 15
"""Base-two logarithm of scrypt's work: about 60 ms and 32 MiB for one password."""

_NAME = re.compile(r"[^\x00-\x20\x7f-\xa0:,][^\x00-\x1f\x7f-\x9f:,]*")
_NO_STAMP = (0, 0, 0)

TOKEN_PREFIX = "glt_"  # noqa: S105
"""Says what a string is to who finds it, and never looks like an option of a command."""


@dataclass(frozen=True)
class User:
    """Someone who may use the service: the name is also the user's id, the project the one they work in."""

    name: str
    project: str
    roles: tuple[str, ...]


class UsersFile:
    """Users and tokens in one JSON file of mode 0600, read anew whenever it was replaced."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._seen: tuple[Stamp, Document] = (_NO_STAMP, {"users": {}, "tokens": {}})

    @property
    def stamp(self) -> Stamp:
        """Changes whenever the file does."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return _NO_STAMP
        except OSError as error:
            raise ConfigError(reason=f"The users file {self.path} cannot be read: {error.strerror}.") from error
        return found.st_mtime_ns, found.st_ino, found.st_size

    def add_user(self, name: str, password: str, project: str, roles: Iterable[str]) -> User:
        """Make a user."""
        user = User(_checked("user name", name), _checked("project", project), _checked_roles(roles))
        hashed = hash_password(password)
        with self._change() as document:
            if name in document["users"]:
                raise Conflict(reason=f"There is already a user '{name}'.")
            document["users"][name] = {"password": hashed, "project": project, "roles": list(user.roles)}
        return user

    def set_password(self, name: str, password: str) -> None:
        """Replace a user's password; tokens that were issued before stay valid."""
        hashed = hash_password(password)
        with self._change() as document:
            _record(document, name)["password"] = hashed

    def list_users(self) -> tuple[User, ...]:
        """All users by name."""
        document = self._load()
        return tuple(_user(document, name) for name in sorted(document["users"]))

    def issue_token(self, name: str, lifetime: float | None = None) -> str:
        """A new token for a user, valid for `lifetime` seconds or until it is revoked. It cannot be read again."""
        if lifetime is not None and not 0 < lifetime < float("inf"):
            raise BadRequest(reason="The lifetime of a token is a number of seconds above 0.")
        token, now = TOKEN_PREFIX + secrets.token_urlsafe(32), time.time()
        with self._change() as document:
            _record(document, name)
            tokens = document["tokens"]
            for digest in [digest for digest, record in tokens.items() if _has_run_out(record)]:
                del tokens[digest]
            tokens[_digest(token)] = {"user": name, "issued": now, "expires": lifetime and now + lifetime}
        return token

    def revoke_token(self, token: str) -> None:
        """Make a token invalid."""
        with self._change() as document:
            if document["tokens"].pop(_digest(token), None) is None:
                raise TokenNotFound()

    def verify_password(self, name: str, password: str) -> User | None:
        """The user whose name and password these are; it takes as long to say no to an unknown name."""
        document = self._load()
        record = document["users"].get(name)
        is_right = _matches(password, record["password"] if record else _NOBODY)
        return _user(document, name) if record and is_right else None

    def verify_token(self, token: str) -> User | None:
        """The user that this token was issued to."""
        document = self._load()
        record = document["tokens"].get(_digest(token))
        if record is None or _has_run_out(record) or record["user"] not in document["users"]:
            return None
        return _user(document, record["user"])

    def _load(self) -> Document:
        stamp = self.stamp
        if stamp != self._seen[0]:
            self._seen = (stamp, self._read())
        return self._seen[1]

    def _read(self) -> Document:
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
            _check(document)
        except FileNotFoundError:
            return {"users": {}, "tokens": {}}
        except OSError as error:
            raise ConfigError(reason=f"The users file {self.path} cannot be read: {error.strerror}.") from error
        except (ValueError, TypeError, KeyError, AttributeError, BadRequest) as error:
            raise ConfigError(reason=f"The users file {self.path} is damaged: {error!r}.") from error
        return {"users": document["users"], "tokens": document["tokens"]}

    @contextmanager
    def _change(self) -> Iterator[Document]:
        """The document as it is now; it is written back unless the block raises."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                document = self._read()
                yield document
                _replace(self.path, json.dumps(document, indent=1, ensure_ascii=False).encode())
            finally:
                os.close(lock)
        except OSError as error:
            raise ConfigError(reason=f"The users file {self.path} cannot be changed: {error.strerror}.") from error


def hash_password(password: str) -> str:
    """A password's scrypt hash, with its salt and cost."""
    if not password or len(password.encode()) > PASSWORD_LIMIT:
        raise BadRequest(reason=f"A password has 1 to {PASSWORD_LIMIT} bytes.")
    salt = secrets.token_bytes(16)
    return f"scrypt${SCRYPT_COST}${salt.hex()}${_scrypt(password.encode(), salt, SCRYPT_COST).hex()}"


def _matches(password: str, hashed: str) -> bool:
    given = password.encode(errors="surrogatepass")
    if len(given) > PASSWORD_LIMIT:
        return False
    _, cost, salt, expected = hashed.split("$")
    return hmac.compare_digest(_scrypt(given, bytes.fromhex(salt), int(cost)), bytes.fromhex(expected))


def _scrypt(password: bytes, salt: bytes, cost: int) -> bytes:
    return hashlib.scrypt(password, salt=salt, n=1 << cost, r=8, p=1, maxmem=(1 << cost) * 8 * 128 * 2)


_NOBODY = f"scrypt${SCRYPT_COST}${bytes(16).hex()}${bytes(64).hex()}"
"""What the password of an unknown user is compared with, so that the answer takes as long."""


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def _has_run_out(record: dict[str, Any]) -> bool:
    return record["expires"] is not None and bool(record["expires"] <= time.time())


def _record(document: Document, name: str) -> dict[str, Any]:
    if name not in document["users"]:
        raise UserNotFound(name=name)
    return document["users"][name]


def _user(document: Document, name: str) -> User:
    record = document["users"][name]
    return User(name, record["project"], tuple(record["roles"]))


def _checked(what: str, text: str) -> str:
    if not _NAME.fullmatch(text) or len(text) > 255 or text != text.strip() or not text.isprintable():
        raise BadRequest(
            reason=f"'{text}' is no {what}: 1 to 255 printable characters are expected, without ':' and ','."
        )
    return text


def _checked_roles(roles: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_checked("role", role).lower() for role in roles))


def _check(document: Any) -> None:
    """Raise unless this is a document of ours; someone may have edited it."""
    for name, record in document["users"].items():
        _checked("user name", name)
        _checked("project", record["project"])
        _checked_roles(record["roles"])
        algorithm, cost, salt, hashed = record["password"].split("$")
        if algorithm != "scrypt" or not 1 <= int(cost) <= 20 or not bytes.fromhex(salt) or not bytes.fromhex(hashed):
            raise ValueError(f"the password hash of '{name}'")
    for record in document["tokens"].values():
        if not isinstance(record["user"], str) or not isinstance(record["expires"], (int, float, type(None))):
            raise ValueError("a token's record")


def _replace(path: Path, content: bytes) -> None:
    """Put a new file in the place of the old one, on disk for certain, readable by its owner only."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink()
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
