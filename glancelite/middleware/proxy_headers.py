"""Makes a request look as the client sent it, where reverse proxies passed it on."""

import re
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from ..config import Option
from ..errors import InvalidHeader
from .base import PEER_KEY, Filter
from .peers import LOOPBACK, Peers, parse_address

Hop = dict[str, str]

_ELEMENT = re.compile(r'(?:[^,"]|"(?:\\.|[^"\\])*")+')
_PAIR = re.compile(r'\s*([!#$%&\'*+.^_`|~\w-]+)=("(?:\\.|[^"\\])*"|[^;"]*)\s*(?:;|$)')
_VALID = {
    "proto": re.compile(r"https?", re.I),
    "host": re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?"),
    "port": re.compile(r"\d{1,5}"),
    "prefix": re.compile(r"(/[A-Za-z0-9._~%-]+)*/?"),
}


class ProxyHeaders(Filter):
    """Takes scheme, host, port, mount prefix and client address from Forwarded or X-Forwarded-*. Off unless enabled.

    Only what peers in `trusted_proxies` (addresses, networks, or `unix`) send is believed; from anyone else the headers
    are left alone. Proxies append to these headers, so they are read from the right, as long as the hop is trusted:
    what a client wrote there itself is never taken. Forwarded wins over X-Forwarded-*. The trusted auth filter keeps
    deciding by the peer that is really connected.

        [filter:proxy_headers]
        use = egg:glancelite#proxy_headers
        enabled = true
        trusted_proxies = 127.0.0.0/8, ::1, 10.0.0.0/24
    """

    name = "proxy_headers"
    OPTIONS = (
        Option("proxy_headers", "enabled", "bool", False, "Honour forwarding headers."),
        Option("proxy_headers", "trusted_proxies", "list", LOOPBACK, "Peers whose forwarding headers are believed."),
    )

    def __init__(self, app: WSGIApplication, **knobs: Any) -> None:
        super().__init__(app, **knobs)
        self.trusted = Peers(self.knobs["trusted_proxies"])

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self.knobs["enabled"] and environ.get("REMOTE_ADDR") in self.trusted:
            try:
                _apply(environ, self._outermost(environ))
            except InvalidHeader as error:
                return self.refuse(environ, start_response, error)
        return self.app(environ, start_response)

    def _outermost(self, environ: WSGIEnvironment) -> Hop:
        """What the outermost trusted proxy saw, with gaps filled by those nearer to us."""
        forwarded = environ.get("HTTP_FORWARDED")
        seen: Hop = {}
        for hop in _forwarded(forwarded) if forwarded else _x_forwarded(environ):
            seen.update(hop)
            if hop.get("for", "-") not in self.trusted:
                break
        return seen


def _forwarded(text: str) -> Iterator[Hop]:
    """The hops of a Forwarded header, nearest first."""
    for element in reversed(_ELEMENT.findall(text)):
        pairs = _PAIR.findall(element)
        yield {name.lower(): re.sub(r"\\(.)", r"\1", value.strip().strip('"')) for name, value in pairs}


def _x_forwarded(environ: WSGIEnvironment) -> Iterator[Hop]:
    """The hops of the X-Forwarded-* headers, nearest first."""
    names = ("for", "proto", "host", "port", "prefix")
    columns = (reversed(environ.get(f"HTTP_X_FORWARDED_{name.upper()}", "").split(",")) for name in names)
    for values in zip_longest(*columns, fillvalue=""):
        yield {name: value.strip() for name, value in zip(names, values, strict=True) if value.strip()}


def _apply(environ: WSGIEnvironment, seen: Hop) -> None:
    for name, pattern in _VALID.items():
        if name in seen and not pattern.fullmatch(seen[name]):
            raise InvalidHeader(name="Forwarded or X-Forwarded-*", reason=f"'{seen[name]}' is no {name}.")
    client = parse_address(seen.get("for", ""))
    if client is not None:
        environ[PEER_KEY] = environ["REMOTE_ADDR"]
        environ["REMOTE_ADDR"] = str(client)
    if "proto" in seen:
        environ["wsgi.url_scheme"] = seen["proto"].lower()
    if "host" in seen:
        environ["HTTP_HOST"] = seen["host"]
    if "port" in seen:
        name = re.sub(r":\d+$", "", environ.get("HTTP_HOST") or environ["SERVER_NAME"])
        is_usual = (environ["wsgi.url_scheme"], seen["port"]) in (("http", "80"), ("https", "443"))
        environ["HTTP_HOST"] = name if is_usual else f"{name}:{seen['port']}"
    if "prefix" in seen:
        environ["SCRIPT_NAME"] = seen["prefix"].rstrip("/") + environ.get("SCRIPT_NAME", "")
