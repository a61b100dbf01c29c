"""Reading a URI: once, strictly, into the parts that everything after works with."""

import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from ..errors import UriRefused
from .addresses import allows_address
from .rules import Address, Rules

PORTS = {"http": 80, "https": 443}
LONGEST = 8192
NOT_PUBLIC = "its host cannot be found or is not a public one"
"""One reason for all cases: whether a name exists within our network is nobody's business."""

_SHOWN = 255

_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?]*)(/[^?]*)?(\?.*)?")
_AUTHORITY = re.compile(r"(?:([^@]*)@)?(\[[^\[\]@]*\]|[^\[\]@:]*)(?::([^@]*))?")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_UNFIT = re.compile(r"[^\x21-\x7e]|\\")


@dataclass(frozen=True)
class Url:
    """A URI in its parts. Its text is one to show: without credentials and without the query, which may hold some."""

    scheme: str
    host: str
    port: int
    target: str = field(repr=False)
    address: Address | None = None
    credentials: bytes | None = field(default=None, repr=False)

    @property
    def authority(self) -> str:
        """Host and port as a Host header names them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def shown(self) -> str:
        path, query, _ = self.target.partition("?")
        return _shorten(f"{self.origin}{path}{'?…' if query else ''}")

    def __str__(self) -> str:
        return self.shown


def check_url(text: str, rules: Rules, *, allow_credentials: bool = False) -> Url:
    """Read a URI and hold it against the rules, its address too if it names one; UriRefused. Asks nobody."""
    url = _parse(text, allow_credentials)
    check_rules(url, rules)
    return url


def check_rules(url: Url, rules: Rules) -> None:
    """Hold a URL against the rules; UriRefused."""
    if not rules.allows_scheme(url.scheme):
        raise UriRefused(uri=url.shown, reason="its scheme is not allowed")
    if not rules.allows_host(url.host):
        raise UriRefused(uri=url.shown, reason="its host is not allowed")
    if not rules.allows_port(url.port):
        raise UriRefused(uri=url.shown, reason="its port is not allowed")
    if url.address and not allows_address(url.address, rules):
        raise UriRefused(uri=url.shown, reason=NOT_PUBLIC)


def _parse(text: str, allow_credentials: bool) -> Url:
    def refuse(reason: str) -> UriRefused:
        return UriRefused(uri=_veil(text), reason=reason)

    if len(text) > LONGEST:
        raise refuse(f"it is longer than {LONGEST} characters")
    if _UNFIT.search(text):
        raise refuse("it has blanks, control characters, backslashes or characters beyond ASCII")
    if "#" in text:
        raise refuse("it has a fragment")
    parts = _URI.fullmatch(text)
    if parts is None or parts[1].lower() not in PORTS:
        raise refuse("it is no http:// or https:// URI")
    found = _AUTHORITY.fullmatch(parts[2])
    if found is None:
        raise refuse("its host is not understood")
    user, host, port = found[1], found[2], found[3]
    if user is not None and not allow_credentials:
        raise refuse("it has a user name or password")
    if port is not None and not (_PORT.fullmatch(port) and int(port) < 1 << 16):
        raise refuse("its port is not a number from 1 to 65535")
    scheme = parts[1].lower()
    try:
        name, address = _read_host(host.lower())
    except ValueError as error:
        raise refuse("its host is not a name, nor an address as it is usually written") from error
    return Url(
        scheme=scheme,
        host=name,
        port=int(port) if port else PORTS[scheme],
        target=(parts[3] or "/") + (parts[4] or ""),
        address=address,
        credentials=None if user is None else unquote_to_bytes(user if ":" in user else f"{user}:"),
    )


def _read_host(host: str) -> tuple[str, Address | None]:
    """A host's normal form and its address if it is one; ValueError.

    What ends in a number is an address to the resolver, in forms (127.1, 0x7f.1, 2130706433, 0177.0.0.1) that mean
    different things to different readers: only the dotted decimal one is taken.
    """
    if host.startswith("["):
        if "%" in host:
            raise ValueError(host)
        six = ipaddress.IPv6Address(host[1:-1])
        return str(six), six
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(host)
    if _NUMBER.fullmatch(labels[-1]):
        four = ipaddress.IPv4Address(host)
        return str(four), four
    return host, None


def show_url(text: str) -> str:
    """Any text that stands for a URL, fit to be shown."""
    return _veil(text)


def _veil(text: str) -> str:
    """A URI that is refused, fit to be shown: what may be a secret is left out."""
    text = _UNFIT.sub("·", text[:LONGEST])
    text, query, _ = text.partition("?")
    if "@" in text:
        scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/*", text)
        text = f"{scheme[0] if scheme else ''}…@{text.rpartition('@')[2]}"
    return _shorten(text + ("?…" if query else ""))


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
