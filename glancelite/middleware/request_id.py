"""Gives every request an id that log lines, answers and tasks share."""

import random
import re
import uuid
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from ..config import Option
from ..errors import RequestIdTooLong
from .base import NO_REQUEST_ID_KEY, REQUEST_ID_KEY, Filter

_PLAIN = re.compile(r"[A-Za-z0-9._-]+")


class RequestId(Filter):
    """Takes the client's X-Openstack-Request-Id, or makes one, and sends it back with the answer.

    The id begins with `req-`; the prefix is added where the client left it out. An id with characters other than
    letters, digits, `.`, `_` and `-` is replaced by a new one; one that is longer than `max_request_id_length` is
    answered with 431. The version document, the health check and OPTIONS answer without an id.

        [filter:request_id]
        use = egg:glancelite#request_id
        max_request_id_length = 64
    """

    name = "request_id"
    OPTIONS = (Option("request_id", "max_request_id_length", "int", 64, "Longest id a client may send.", minimum=1),)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        sent, limit = environ.get("HTTP_X_OPENSTACK_REQUEST_ID", ""), self.knobs["max_request_id_length"]
        environ[REQUEST_ID_KEY] = _choose(sent) if len(sent) <= limit else _choose("")

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[[bytes], object]:
            if NO_REQUEST_ID_KEY not in environ:
                headers = [pair for pair in headers if pair[0].lower() != "x-openstack-request-id"]
                headers.append(("x-openstack-request-id", environ[REQUEST_ID_KEY]))
            return start_response(status, headers, *rest)

        if len(sent) > limit:
            return self.refuse(environ, start, RequestIdTooLong(limit=limit))
        return self.app(environ, start)


def _choose(sent: str) -> str:
    if not _PLAIN.fullmatch(sent):
        # Nobody need be unable to guess it: uuid4 asks the kernel for its bits each time.
        return f"req-{uuid.UUID(int=random.getrandbits(128), version=4)}"
    return sent if sent.startswith("req-") else f"req-{sent}"
