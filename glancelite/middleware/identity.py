"""The end of authentication: identity headers become the Context that everything behind works with."""

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from wsgiref.types import StartResponse, WSGIEnvironment

from ..config import Option
from ..domain.context import ENVIRON_KEY, Context
from ..errors import GlanceliteError, InvalidHeader, Unauthorized
from .base import REQUEST_ID_KEY, Filter

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Identity(Filter):
    """Reads the identity headers that an auth filter has confirmed. Stands last, directly behind the auth filter.

    A caller who is not confirmed gets 401, or, with `allow_anonymous_access`, may read as nobody: without a project and
    without roles. A header that is not UTF-8, holds control characters or names two users or projects is 400.

        [filter:identity]
        use = egg:glancelite#identity
        allow_anonymous_access = false
    """

    name = "identity"
    OPTIONS = (Option("identity", "allow_anonymous_access", "bool", False, "Let callers without credentials read."),)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            environ[ENVIRON_KEY] = self._context(environ)
        except GlanceliteError as error:
            return self.refuse(environ, start_response, error)
        return self.app(environ, start_response)

    def _context(self, environ: WSGIEnvironment) -> Context:
        request_id = environ.get(REQUEST_ID_KEY, "")
        if environ.get("HTTP_X_IDENTITY_STATUS") == "Confirmed":
            has_service = environ.get("HTTP_X_SERVICE_IDENTITY_STATUS", "Confirmed") == "Confirmed"
            return Context(
                project_id=_project(environ),
                user_id=_identifier(environ, "X-User-Id"),
                roles=_roles(environ, "X-Roles"),
                service_roles=_roles(environ, "X-Service-Roles") if has_service else (),
                request_id=request_id,
                is_system_scoped=bool(_text(environ, "Openstack-System-Scope") or _text(environ, "X-Domain-Id")),
            )
        if self.knobs["allow_anonymous_access"]:
            return Context(request_id=request_id, is_anonymous=True)
        if "HTTP_X_AUTH_TOKEN" in environ or "HTTP_AUTHORIZATION" in environ:
            raise Unauthorized(reason="The credentials of this request are not valid.")
        raise Unauthorized(reason="This request needs credentials.")


def _text(environ: WSGIEnvironment, name: str) -> str:
    sent: str = environ.get(_variable(name), "")
    if sent.isascii() and sent.isprintable():
        return sent.strip()
    try:
        text = sent.encode("latin-1").decode()
    except UnicodeError as error:
        raise InvalidHeader(name=name, reason="UTF-8 is expected.") from error
    if _CONTROL.search(text):
        raise InvalidHeader(name=name, reason="control characters are not allowed.")
    return text.strip()


@cache
def _variable(name: str) -> str:
    return "HTTP_" + name.upper().replace("-", "_")


def _identifier(environ: WSGIEnvironment, name: str) -> str | None:
    text = _text(environ, name)
    # A comma is what becomes of a header that arrives twice: two identities, of which the client may have sent one.
    if "," in text or len(text) > 255:
        raise InvalidHeader(name=name, reason="one value of at most 255 characters is expected.")
    return text or None


def _project(environ: WSGIEnvironment) -> str | None:
    """The project, under its name or its old one. Where both are there and differ, one of them is the client's own."""
    project, tenant = _identifier(environ, "X-Project-Id"), _identifier(environ, "X-Tenant-Id")
    if project and tenant and project != tenant:
        raise InvalidHeader(name="X-Tenant-Id", reason="it names another project than X-Project-Id.")
    return project or tenant


def _roles(environ: WSGIEnvironment, name: str) -> tuple[str, ...]:
    return _split(_text(environ, name))


@lru_cache
def _split(text: str) -> tuple[str, ...]:
    """Most callers have the roles of somebody before them."""
    roles = (role.strip().lower() for role in text.split(","))
    return tuple(dict.fromkeys(role for role in roles if role))
