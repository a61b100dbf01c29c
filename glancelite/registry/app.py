"""The registry daemon: POST /rpc/<operation> with the operation's arguments as JSON, signed by who holds the key."""

import logging

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from ..domain.ports import Registry
from ..errors import BadRequest, GlanceliteError, MethodNotAllowed, NotFound, Unauthorized
from ..flaskapp import Answer, App
from .codec import OPERATIONS, error_to_wire, from_wire, is_signed, signature_of, to_wire

MAX_BODY = 32 << 20

log = logging.getLogger(__name__)


def make_registry_app(registry: Registry, key: bytes) -> Flask:
    """The daemon's app over a registry; it trusts a request for its signature alone."""
    app = App("glancelite-registry", static_folder=None)
    app.config |= {"PROPAGATE_EXCEPTIONS": True, "MAX_CONTENT_LENGTH": MAX_BODY}

    @app.post("/rpc/<operation>")
    def run(operation: str) -> Response:
        body = request.get_data(cache=False)
        if not is_signed(key, operation, body, request.headers):
            log.warning("an unsigned or wrongly signed request for %s was refused", operation)
            raise Unauthorized(reason="This request does not carry the registry's signature.")
        if operation not in OPERATIONS:
            raise NotFound()
        return _answer(to_wire(getattr(registry, operation)(**_arguments(operation, body))), 200)

    @app.errorhandler(GlanceliteError)
    def refuse(error: GlanceliteError) -> Response:
        return _answer(error_to_wire(error), error.status)

    @app.errorhandler(HTTPException)
    def translate(error: HTTPException) -> Response:
        if error.code == 405:
            return refuse(MethodNotAllowed(method=request.method, allow=["POST"]))
        return refuse(NotFound() if error.code == 404 else BadRequest(reason=error.description or "Not understood."))

    return app


def _arguments(operation: str, body: bytes) -> dict[str, object]:
    types, _ = signature_of(operation)
    try:
        document = orjson.loads(body)
        return {name: from_wire(kind, document[name]) for name, kind in types.items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadRequest(reason=f"The arguments of {operation} are not understood: {error!r}.") from error


def _answer(body: bytes, status: int) -> Response:
    return Answer([body], status, {"Content-Length": str(len(body))}, content_type="application/json")
