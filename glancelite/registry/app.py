"""The registry daemon: POST /rpc/<operation> with the operation's arguments as JSON, signed by who holds the key."""

import logging
from collections.abc import Iterable
from http import HTTPStatus
from wsgiref.types import StartResponse, WSGIEnvironment

import orjson

from ..domain.ports import Registry
from ..errors import BadRequest, BodyTooLarge, GlanceliteError, MethodNotAllowed, NotFound, Unauthorized
from .codec import (
    DATE_HEADER,
    OPERATIONS,
    SIGNATURE_HEADER,
    error_to_wire,
    from_wire,
    is_signed,
    signature_of,
    to_wire,
)

MAX_BODY = 32 << 20

log = logging.getLogger(__name__)

_PLACE = "/rpc/"
_VARIABLES = {name: "HTTP_" + name.upper().replace("-", "_") for name in (DATE_HEADER, SIGNATURE_HEADER)}


class RegistryApp:
    """The daemon's app over a registry; it trusts a request for its signature alone.

    Every API request that needs the registry waits for one of these, so nothing stands between the two but this.
    """

    def __init__(self, registry: Registry, key: bytes) -> None:
        self._registry, self._key = registry, key

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        headers = [("Content-Type", "application/json")]
        try:
            status, body = 200, self._answer(environ)
        except GlanceliteError as error:
            status, body = error.status, error_to_wire(error)
            headers += error.headers.items()
        except Exception:
            log.exception("%s failed", environ.get("PATH_INFO"))
            status, body = 500, error_to_wire(GlanceliteError())
        start_response(f"{status} {HTTPStatus(status).phrase}", [*headers, ("Content-Length", str(len(body)))])
        return [body]

    def _answer(self, environ: WSGIEnvironment) -> bytes:
        path = environ.get("PATH_INFO", "")
        if not path.startswith(_PLACE):
            raise NotFound()
        if environ["REQUEST_METHOD"] != "POST":
            raise MethodNotAllowed(method=environ["REQUEST_METHOD"], allow=["POST"])
        operation, body = path[len(_PLACE) :], _read(environ)
        signature = {name: environ.get(variable, "") for name, variable in _VARIABLES.items()}
        if not is_signed(self._key, operation, body, signature):
            log.warning("an unsigned or wrongly signed request for %.80r was refused", operation)
            raise Unauthorized(reason="This request does not carry the registry's signature.")
        if operation not in OPERATIONS:
            raise NotFound()
        return to_wire(getattr(self._registry, operation)(**_arguments(operation, body)))


def _read(environ: WSGIEnvironment) -> bytes:
    text = environ.get("CONTENT_LENGTH") or "0"
    if not (text.isascii() and text.isdigit()) or "HTTP_TRANSFER_ENCODING" in environ:
        raise BadRequest(reason="A body with its length is expected.")
    length = int(text) if len(text) < 16 else MAX_BODY + 1
    if length > MAX_BODY:
        raise BodyTooLarge(limit=MAX_BODY)
    try:
        body: bytes = environ["wsgi.input"].read(length)
    except OSError as error:  # who asked has gone, or stalls
        raise BadRequest(reason=f"The body cannot be read: {error}") from error
    if len(body) < length:
        raise BadRequest(reason="The body is shorter than its length.")
    return body


def _arguments(operation: str, body: bytes) -> dict[str, object]:
    types, _ = signature_of(operation)
    try:
        document = orjson.loads(body)
        return {name: from_wire(kind, document[name]) for name, kind in types.items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadRequest(reason=f"The arguments of {operation} are not understood: {error!r}.") from error
