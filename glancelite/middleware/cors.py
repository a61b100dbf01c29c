"""Lets web pages of other origins use the API, and answers OPTIONS."""

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from webob import Response

from ..config import Option
from .base import NO_REQUEST_ID_KEY, Filter

Headers = list[tuple[str, str]]

ALLOW_HEADERS = (
    "Content-MD5,X-Image-Meta-Checksum,X-Storage-Token,Accept-Encoding,X-Auth-Token,X-Identity-Status,X-Roles,"
    "X-Service-Catalog,X-User-Id,X-Tenant-Id,X-OpenStack-Request-ID,Authorization,Range,X-Openstack-Image-Size,"
    "X-Image-Meta-Store"
)
EXPOSE_HEADERS = "X-Image-Meta-Checksum,X-Auth-Token,X-Subject-Token,X-Service-Token,X-OpenStack-Request-ID"
SIMPLE_HEADERS = ("Accept", "Accept-Language", "Cache-Control", "Content-Language", "Content-Type", "Pragma")


class Cors(Filter):
    """Adds Access-Control-* headers for pages of the origins in `allowed_origin`, and answers every OPTIONS itself.

    OPTIONS on any path is 200 and empty, before authentication; it is a preflight answer where the origin, the method
    and the headers it asks about are allowed. `*` allows every origin, but never with credentials: an origin that may
    send cookies or HTTP Basic credentials has to be named. Without `allowed_origin` no page of another origin may.

        [filter:cors]
        use = egg:glancelite#cors
        allowed_origin = https://dashboard.example.org
        allow_credentials = true
        max_age = 3600
    """

    name = "cors"
    OPTIONS = (
        Option("cors", "allowed_origin", "list", "", "Origins whose pages may use the API; * for all."),
        Option("cors", "allow_credentials", "bool", False, "Let named origins send credentials."),
        Option("cors", "expose_headers", "list", EXPOSE_HEADERS, "Response headers that pages may read."),
        Option("cors", "max_age", "int", 3600, "Seconds a browser may keep a preflight answer.", minimum=0),
        Option("cors", "allow_methods", "list", "GET,PUT,POST,DELETE,PATCH", "Methods that pages may use."),
        Option("cors", "allow_headers", "list", ALLOW_HEADERS, "Request headers that pages may send."),
    )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        origin = environ.get("HTTP_ORIGIN", "")
        if environ["REQUEST_METHOD"] == "OPTIONS":
            environ[NO_REQUEST_ID_KEY] = True
            headers = [("Content-Type", "text/html; charset=UTF-8"), ("Content-Length", "0")]
            response = Response(status=200, headerlist=headers + self._preflight(environ, origin), app_iter=[])
            return response(environ, start_response)  # type: ignore[no-any-return]
        extra = self._for_origin(origin)
        if "Access-Control-Allow-Origin" in dict(extra) and self.knobs["expose_headers"]:
            extra.append(("Access-Control-Expose-Headers", ",".join(self.knobs["expose_headers"])))
        if not extra:
            return self.app(environ, start_response)

        def start(status: str, headers: Headers, *rest: Any) -> Callable[[bytes], object]:
            return start_response(status, headers + extra, *rest)

        return self.app(environ, start)

    def _for_origin(self, origin: str) -> Headers:
        allowed = self.knobs["allowed_origin"]
        if not allowed:
            return []
        if origin in allowed and origin != "*":
            headers = [("Access-Control-Allow-Origin", origin), ("Vary", "Origin")]
            return headers + [("Access-Control-Allow-Credentials", "true")] * self.knobs["allow_credentials"]
        headers = [("Access-Control-Allow-Origin", "*")] if origin and "*" in allowed else []
        return headers if allowed == ("*",) else [*headers, ("Vary", "Origin")]

    def _preflight(self, environ: WSGIEnvironment, origin: str) -> Headers:
        method = environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD")
        headers = self._for_origin(origin)
        if not method or "Access-Control-Allow-Origin" not in dict(headers):
            return [pair for pair in headers if pair[0] == "Vary"]
        methods, names = self.knobs["allow_methods"], (*self.knobs["allow_headers"], *SIMPLE_HEADERS)
        wanted = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "").lower().split(",")
        known = {name.lower() for name in names} | {""}
        if method not in methods or not all(name.strip() in known for name in wanted):
            return [pair for pair in headers if pair[0] == "Vary"]
        return [
            *headers,
            ("Access-Control-Allow-Methods", ",".join(methods)),
            ("Access-Control-Allow-Headers", ",".join(names)),
            ("Access-Control-Max-Age", str(self.knobs["max_age"])),
        ]
