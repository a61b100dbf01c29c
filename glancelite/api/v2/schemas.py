"""Views of the JSON schemas."""

from collections.abc import Callable

from flask import Response

from ..answers import json_response
from ..gate import Call


def show(name: str) -> Callable[[Call], Response]:
    """The view of one schema."""
    return lambda call: json_response(call.services.schemas[name])
