"""Error -> response: the only place in the API that makes one from the other."""

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as NoSuchMethod

from ..errors import BadRequest, GlanceliteError, MethodNotAllowed, NotFound, render
from .flaskapp import Answer


def install_errors(app: Flask) -> None:
    """Render our errors and werkzeug's; what else is raised is left to the pipeline's outermost filter."""
    app.register_error_handler(GlanceliteError, respond)
    app.register_error_handler(HTTPException, _translate)
    app.config["PROPAGATE_EXCEPTIONS"] = True


def respond(error: GlanceliteError) -> Response:
    """The response that says this error, in the form the client can read."""
    content_type, body = render(error.status, str(error), request.headers.get("Accept", ""))
    length = {"Content-Length": str(len(body))}
    return Answer([body], error.status, {**error.headers, **length}, content_type=content_type)


def _translate(error: HTTPException) -> Response:
    if isinstance(error, NoSuchMethod):
        return respond(MethodNotAllowed(method=request.method, allow=sorted(error.valid_methods or ())))
    if error.code == 404:
        return respond(NotFound())
    return respond(BadRequest(reason=error.description or "The request is not understood."))
