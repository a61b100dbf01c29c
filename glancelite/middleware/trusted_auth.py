"""Authentication done by a reverse proxy in front, which says in headers who the caller is."""

from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from ..config import Option
from ..domain.context import strip_identity
from .base import PEER_KEY, Filter
from .peers import LOOPBACK, Peers


class TrustedAuth(Filter):
    """Believes the identity headers of peers in `trusted_proxies` (addresses, networks, or `unix`), and of nobody else.

    The proxy in front authenticates, and sets X-Identity-Status (`Confirmed`), X-User-Id, X-Project-Id (or X-Tenant-Id)
    and X-Roles; it must replace what its client sent under these names, never add to it. Whoever can connect from a
    trusted address can be anyone, so name single proxies rather than whole networks. What counts is the peer that is
    really connected, whatever forwarding headers say. Servers that take `X_User_Id` for `X-User-Id` need to be set to
    drop names with an underscore; the one that comes with glancelite does.

        [filter:trusted_auth]
        use = egg:glancelite#trusted_auth
        trusted_proxies = 127.0.0.0/8, ::1
    """

    name = "trusted_auth"
    is_auth = True
    OPTIONS = (Option("trusted_auth", "trusted_proxies", "list", LOOPBACK, "Peers whose headers are believed."),)

    def __init__(self, app: WSGIApplication, **knobs: Any) -> None:
        super().__init__(app, **knobs)
        self.trusted = Peers(self.knobs["trusted_proxies"])

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get(PEER_KEY, environ.get("REMOTE_ADDR")) not in self.trusted:
            strip_identity(environ)
        return self.app(environ, start_response)
