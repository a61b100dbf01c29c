"""Views of what the service tells a caller of itself."""

from flask import Response

from ...usecases import limits
from ..answers import json_response
from ..gate import Call


def show_usage(call: Call) -> Response:
    return json_response({"usage": limits.show_usage(call.services, call.context)})
