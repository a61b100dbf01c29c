"""Authentication against the users file: HTTP Basic and tokens."""

import hashlib
import hmac
import logging
import secrets
import threading
import time
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from ..config import Option
from ..domain.context import strip_identity
from ..errors import ConfigError, Unavailable
from ..users import Stamp, User, UsersFile
from .auth import confirm
from .base import CHALLENGE_KEY, Filter

log = logging.getLogger(__name__)

REMEMBERED = 1024
"""Most passwords whose success is remembered."""


class FileAuth(Filter):
    """Knows callers by name and password (HTTP Basic) or by a token (`X-Auth-Token`, or `Authorization: Bearer`).

    Users and tokens come from the users file, which `glancelite user` and `glancelite token` change; a change counts
    from the next request on. Identity headers that a client sends are dropped. Checking a password takes some 60 ms by
    design, so a right one is remembered for `remember_seconds` (as a keyed digest, in this process only), or until the
    file changes. Use TLS in front: both kinds of credentials can be read on the way.

        [filter:file_auth]
        use = egg:glancelite#file_auth
        remember_seconds = 60
    """

    name = "file_auth"
    is_auth = True
    OPTIONS = (
        Option("file_auth", "remember_seconds", "float", 60.0, "How long a right password is remembered.", minimum=0),
    )

    def __init__(self, app: WSGIApplication, users: UsersFile, **knobs: Any) -> None:
        super().__init__(app, **knobs)
        self.users = users
        self.memory = _Memory(users, self.knobs["remember_seconds"])

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        strip_identity(environ)
        environ[CHALLENGE_KEY] = 'Basic realm="glancelite"'
        environ["HTTP_X_IDENTITY_STATUS"] = "Invalid"
        try:
            user = self._user(environ)
        except ConfigError as error:
            log.error("%s", error)
            return self.refuse(environ, start_response, Unavailable(reason="Users cannot be looked up at the moment."))
        if user is not None:
            confirm(environ, user.name, user.project, user.roles)
        return self.app(environ, start_response)

    def _user(self, environ: WSGIEnvironment) -> User | None:
        if "HTTP_X_AUTH_TOKEN" in environ:
            return self.users.verify_token(environ["HTTP_X_AUTH_TOKEN"])
        scheme, _, value = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.users.verify_token(value.strip())
        if scheme.lower() != "basic":
            return None
        try:
            name, colon, password = b64decode(value.strip(), validate=True).decode().partition(":")
        except ValueError:
            return None
        return self.memory.verify(name, password) if colon else None


class _Memory:
    """Right passwords of late, so that a burst of requests pays for one check."""

    def __init__(self, users: UsersFile, seconds: float) -> None:
        self.users = users
        self.seconds = seconds
        self.key = secrets.token_bytes(32)
        self.known: OrderedDict[bytes, tuple[float, Stamp, User]] = OrderedDict()
        # Checks of one password wait for each other, and two at most run at a time: each takes 32 MiB and a core.
        self.turns = (threading.Lock(), threading.Lock())
        self.lock = threading.Lock()

    def verify(self, name: str, password: str) -> User | None:
        digest = hmac.digest(self.key, f"{name}\0{password}".encode(), hashlib.sha256)
        user = self._recall(digest)
        if user is not None:
            return user
        with self.turns[digest[0] % len(self.turns)]:
            user, stamp = self._recall(digest), self.users.stamp
            if user is None:
                user = self.users.verify_password(name, password)
                if user is not None:
                    self._remember(digest, stamp, user)
        return user

    def _recall(self, digest: bytes) -> User | None:
        with self.lock:
            until, stamp, user = self.known.get(digest, (0.0, None, None))
        return user if time.monotonic() < until and stamp == self.users.stamp else None

    def _remember(self, digest: bytes, stamp: Stamp, user: User) -> None:
        with self.lock:
            self.known[digest] = (time.monotonic() + self.seconds, stamp, user)
            self.known.move_to_end(digest)
            while len(self.known) > REMEMBERED:
                self.known.popitem(last=False)
