"""The API's Flask app: a route for every row of the operation table, and one way to say an error."""

from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from ..usecases.services import Services
from .errors import install_errors
from .flaskapp import App
from .gate import admit
from .openapi import make_document
from .operations import OPERATIONS


class _Rule(Rule):
    """A route that answers its own methods only: werkzeug would add HEAD to GET, which the Image API refuses."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        methods = kwargs.get("methods")
        super().__init__(*args, **kwargs)
        self.methods = set(methods) if methods is not None else None


def make_api(services: Services) -> Flask:
    """The app over these services."""
    services.schemas["openapi"] = make_document(OPERATIONS, services.schemas)
    app = App("glancelite", static_folder=None)
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
