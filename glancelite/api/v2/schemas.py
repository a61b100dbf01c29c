"""Views of the JSON schemas."""

from collections.abc import Callable

from flask import Response

from ..gate import Call
from ..http import json_response


def show(name: str) -> Callable[[Call], Response]:
    """The view of one schema."""
    return lambda call: json_response(call.services.schemas[name])
