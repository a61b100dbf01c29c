"""What the auth filters share: saying who the caller is in identity headers, which the identity filter reads."""

from collections.abc import Iterable
from wsgiref.types import WSGIEnvironment


def confirm(environ: WSGIEnvironment, user: str, project: str, roles: Iterable[str]) -> None:
    """Set the identity headers of a caller who is known."""
    environ["HTTP_X_IDENTITY_STATUS"] = "Confirmed"
    environ["HTTP_X_USER_ID"] = _header(user)
    environ["HTTP_X_PROJECT_ID"] = _header(project)
    environ["HTTP_X_ROLES"] = _header(",".join(roles))


def _header(text: str) -> str:
    # WSGI carries the bytes of a header as latin-1.
    return text.encode().decode("latin-1")
