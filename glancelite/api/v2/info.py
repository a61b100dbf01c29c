"""Views of what the service tells a caller of itself."""

from flask import Response

from ...usecases import limits
from ..gate import Call
from ..http import json_response


def show_usage(call: Call) -> Response:
    return json_response({"usage": limits.show_usage(call.services, call.context)})
