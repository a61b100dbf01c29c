"""Finds the API version a request asks for, and answers with the list of versions where it asks for none."""

from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from webob import Request, Response

from ..domain.versions import document
from .base import NO_REQUEST_ID_KEY, Filter

VENDOR = "application/vnd.openstack.images-"


class VersionNegotiation(Filter):
    """Leads every accepted version to `/v2`, and answers `/`, `/versions` and unknown versions with the document.

    The version is the first segment of the path (`/v2.9/images`), or follows `application/vnd.openstack.images-` in
    Accept, where the path then has none. Which minors exist depends on the configuration; none changes behaviour. The
    document is answered before authentication: 200 at `/versions`, 300 elsewhere. Its links begin with the service's
    `public_endpoint`, or with the URL the client used. There are no knobs here.

        [filter:version_negotiation]
        use = egg:glancelite#version_negotiation
    """

    name = "version_negotiation"

    def __init__(
        self, app: WSGIApplication, versions: tuple[str, ...], public_endpoint: str = "", **knobs: Any
    ) -> None:
        super().__init__(app, **knobs)
        self.versions = versions
        self.known = frozenset(versions) | {"v2"}
        self.public_endpoint = public_endpoint.rstrip("/")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path, accept = environ.get("PATH_INFO", ""), environ.get("HTTP_ACCEPT", "")
        if path == "/versions" or path.startswith("/versions/"):
            return self._list(environ, 200)(environ, start_response)  # type: ignore[no-any-return]
        if accept.startswith(VENDOR):
            version, rest = accept[len(VENDOR) :], path
        else:
            version, slash, tail = path.removeprefix("/").partition("/")
            rest = slash + tail
        if version not in self.known:
            return self._list(environ, 300)(environ, start_response)  # type: ignore[no-any-return]
        if not rest and environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            response = Response(status=302, location=f"{self._endpoint(environ)}/v2/")
            return response(environ, start_response)  # type: ignore[no-any-return]
        environ["PATH_INFO"] = "/v2" + rest
        return self.app(environ, start_response)

    def _list(self, environ: WSGIEnvironment, status: int) -> Response:
        environ[NO_REQUEST_ID_KEY] = True
        return Response(json=document(self.versions, self._endpoint(environ)), status=status)

    def _endpoint(self, environ: WSGIEnvironment) -> str:
        return self.public_endpoint or str(Request(environ).application_url).rstrip("/")
