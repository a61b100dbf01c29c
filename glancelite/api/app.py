"""The API's Flask app: a route for every row of the operation table, and one way to say an error."""

from typing import Any

from flask import Flask, Request, Response
from flask.sessions import NullSession, SessionInterface, SessionMixin
from werkzeug.routing import Rule

from ..usecases.services import Services
from .errors import install_errors
from .gate import admit
from .openapi import make_document
from .operations import OPERATIONS


class _Rule(Rule):
    """A route that answers its own methods only: werkzeug would add HEAD to GET, which the Image API refuses."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        methods = kwargs.get("methods")
        super().__init__(*args, **kwargs)
        self.methods = set(methods) if methods is not None else None


class _Sessionless(SessionInterface):
    def open_session(self, app: Flask, request: Request) -> SessionMixin:
        return _NO_SESSION


_NO_SESSION = NullSession()


class _Api(Flask):
    """Flask without what nobody here uses – sessions, signals, hooks before and after a view –, which is half of it."""

    session_interface = _Sessionless()

    def do_teardown_request(self, *args: Any) -> None: ...

    def do_teardown_appcontext(self, *args: Any) -> None: ...

    def full_dispatch_request(self) -> Response:
        try:
            return self.dispatch_request()  # type: ignore[return-value] # our views return nothing else
        except Exception as error:
            return self.handle_user_exception(error)  # type: ignore[return-value] # nor do our error handlers


def make_api(services: Services) -> Flask:
    """The app over these services."""
    services.schemas["openapi"] = make_document(OPERATIONS, services.schemas)
    app = _Api("glancelite", static_folder=None)
    app.url_rule_class = _Rule
    app.url_map.merge_slashes = False
    install_errors(app)
    for operation in OPERATIONS:
        app.add_url_rule(
            operation.path,
            endpoint=operation.name,
            view_func=admit(services, operation),
            methods=[operation.method],
            provide_automatic_options=False,
        )
    return app
