"""Tells load balancers and people whether this node can serve."""

import html
import json
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from webob import Response

from ..config import Option
from .base import NO_REQUEST_ID_KEY, Filter

Check = Callable[[], Mapping[str, str | None]]


class Healthcheck(Filter):
    """Answers `path` before authentication: 200 `OK`, or 503 and the reasons.

    Each request asks the parts of the service (database, stores) anew. HEAD answers 204 or 503. `?detail=1` lists
    every part. The answer is text; JSON or HTML where Accept names it. While the file `disable_by_file_path` exists
    the answer is 503 `DISABLED BY FILE`: touch it to take a node out of rotation before maintenance.

        [filter:healthcheck]
        use = egg:glancelite#healthcheck
        path = /healthcheck
        disable_by_file_path = /etc/glancelite/healthcheck_disable
    """

    name = "healthcheck"
    OPTIONS = (
        Option("healthcheck", "path", "str", "/healthcheck", "Path of the health check."),
        Option("healthcheck", "disable_by_file_path", "path", "", "While this file exists, the node is disabled."),
    )

    def __init__(self, app: WSGIApplication, check: Check, **knobs: Any) -> None:
        super().__init__(app, **knobs)
        self.check = check

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != self.knobs["path"] or environ["REQUEST_METHOD"] == "OPTIONS":
            return self.app(environ, start_response)
        environ[NO_REQUEST_ID_KEY] = True
        return self._answer(environ)(environ, start_response)  # type: ignore[no-any-return]

    def _answer(self, environ: WSGIEnvironment) -> Response:
        parts = self._parts()
        is_fine = not any(parts.values())
        if environ["REQUEST_METHOD"] == "HEAD":
            return Response(status=HTTPStatus.NO_CONTENT if is_fine else HTTPStatus.SERVICE_UNAVAILABLE)
        wanted = parse_qs(environ.get("QUERY_STRING", "")).get("detail", ["0"])[-1].lower()
        shown = parts if wanted not in ("0", "false", "") else None
        reasons = [reason for reason in parts.values() if reason] or ["OK"]
        content_type, body = _render(reasons, shown, environ.get("HTTP_ACCEPT", "").lower())
        status = HTTPStatus.OK if is_fine else HTTPStatus.SERVICE_UNAVAILABLE
        return Response(body, status=status, content_type=content_type, charset="UTF-8")

    def _parts(self) -> Mapping[str, str | None]:
        switch = self.knobs["disable_by_file_path"]
        if switch and Path(switch).exists():
            return {"node": "DISABLED BY FILE"}
        return self.check()


def _render(reasons: list[str], parts: Mapping[str, str | None] | None, accept: str) -> tuple[str, str]:
    details = {name: reason or "OK" for name, reason in (parts or {}).items()}
    if "application/json" in accept:
        document = {"detailed": parts is not None, "reasons": reasons}
        return "application/json", json.dumps(document | ({"parts": details} if parts is not None else {}))
    lines = reasons + [f"{name}: {state}" for name, state in details.items()]
    if "text/html" in accept:
        items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
        return "text/html", f"<html><head><title>Health</title></head><body><ul>{items}</ul></body></html>"
    return "text/plain", "\n".join(lines)
