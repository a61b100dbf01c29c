"""Authentication for one: everybody is the same, almighty caller."""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from ..config import Option
from ..domain.context import strip_identity
from .auth import confirm
from .base import Filter


class NoneAuth(Filter):
    """Makes every caller one user of one project with the roles given here. For a machine of one's own, on loopback.

    Identity headers that a client sends are dropped.

        [filter:none_auth]
        use = egg:glancelite#none_auth
        project = default
        user = default
        roles = admin,member,reader
    """

    name = "none_auth"
    is_auth = True
    OPTIONS = (
        Option("none_auth", "project", "str", "default", "Project that every caller works in."),
        Option("none_auth", "user", "str", "default", "User that every caller is."),
        Option("none_auth", "roles", "list", "admin,member,reader", "Roles that every caller has."),
    )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        strip_identity(environ)
        confirm(environ, self.knobs["user"], self.knobs["project"], self.knobs["roles"])
        return self.app(environ, start_response)
