"""Asking for a URL: each redirect is a URL of somebody else's and passes everything that the first one passed."""

import base64
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from ..errors import RemoteNotFound, RemoteRefused, RemoteUnavailable, UriRefused
from .answer import Fetched, Wish
from .lookup import Resolve, find_addresses, look_up
from .pace import Pace, make_tls
from .rules import Rules
from .url import Url, check_rules, check_url

if TYPE_CHECKING:
    from .wire import Exchange

MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_GONE = (404, 410)
_BUSY = (429, 502, 503, 504)
_LOCATION = re.compile(r"[\x21\x22\x24-\x5b\x5d-\x7e]+")  # printable ASCII, neither fragment nor backslash

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")

log = logging.getLogger(__name__)


def open_url(
    url: Url,
    rules: Rules,
    *,
    cap: int,
    offset: int | None = None,
    length: int | None = None,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    connect_timeout: float = 10.0,
    total_timeout: float = 6 * 3600.0,
    minimum_rate: int = 1024,
    idle_timeout: float = 30.0,
    ca_file: str = "",
    insecure: bool = False,
    resolve: Resolve = look_up,
    check: Callable[[], None] | None = None,
) -> Fetched:
    """The answer of the place that the URL names, following up to five redirects.

    `minimum_rate` (bytes a second; 0: any) is an average that counts after `idle_timeout` seconds of waiting, which is
    also the longest silence. `headers` and credentials go to the URL's own host only. `check` is called now and then
    while the remote is waited for; what it raises ends the wait. Raises UriRefused, RemoteNotFound, RangeNotServed
    and, as reading does, RemoteRefused, RemoteTooLarge and RemoteUnavailable.
    """
    from .wire import exchange  # brings urllib3, which a service that fetches nothing does without

    wish = Wish(offset or 0, length, cap, method == "HEAD")
    pace = Pace(url.shown, total_timeout, idle_timeout, minimum_rate, check)
    sent = {**(headers or {}), **_authorization(url)}
    place = url
    for _ in range(MOST_REDIRECTS + 1):
        with _told_of(url, place):
            check_rules(place, rules)
            addresses = find_addresses(place, rules, resolve)
        tls = make_tls(ca_file, insecure) if place.scheme == "https" else None
        asked = exchange(method, place, addresses, {**_own_headers(wish), **sent}, pace, connect_timeout, tls)
        try:
            log.info("%s %s -> %s", method, place, asked.status)
            if asked.status not in _REDIRECTS:
                _check_status(asked, wish, url)
                return Fetched(asked, wish, url.shown)
            target = _follow(asked, url, place, rules)
        except BaseException:
            asked.close()
            raise
        asked.close()
        if target.origin != place.origin:
            sent = {}
        place = target
    raise RemoteRefused(uri=url.shown, reason=f"it redirects more than {MOST_REDIRECTS} times")


def _authorization(url: Url) -> dict[str, str]:
    if url.credentials is None:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(url.credentials).decode()}


def _own_headers(wish: Wish) -> dict[str, str]:
    own = {"User-Agent": "glancelite", "Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close"}
    return own | {"Range": wish.header} if wish.is_range and not wish.is_head else own


@contextmanager
def _told_of(url: Url, place: Url | None) -> Iterator[None]:
    """Tell a refusal of a redirect's target as one of the URL that was given: the target is the remote's text."""
    try:
        yield
    except UriRefused as error:
        if place is url:
            raise
        reason = f"it redirects to a place that is refused: {error.details['reason']}"
        raise UriRefused(uri=url.shown, reason=reason) from error


def _check_status(asked: "Exchange", wish: Wish, url: Url) -> None:
    status = asked.status
    if status in _GONE:
        raise RemoteNotFound(uri=url.shown)
    if status in _BUSY:
        raise RemoteUnavailable(uri=url.shown, reason=f"it answers with status {status}")
    if status != 200 and not (status == 206 and wish.is_range):
        raise RemoteRefused(uri=url.shown, reason=f"it answers with status {status}")


def _follow(asked: "Exchange", url: Url, place: Url, rules: Rules) -> Url:
    """The redirect's target, checked from the start."""
    location = asked.headers.get("Location", "")
    with _told_of(url, None):
        if not _LOCATION.fullmatch(location):
            raise UriRefused(uri=url.shown, reason="it is no URI, or one with a fragment")
        try:
            text = location if _ABSOLUTE.match(location) else urljoin(place.origin + place.target, location)
        except ValueError as error:
            raise UriRefused(uri=url.shown, reason="it is no URI, or one with a fragment") from error
        target = check_url(text, rules)
        if place.scheme == "https" and target.scheme != "https":
            raise UriRefused(uri=url.shown, reason="it would leave TLS")
    return target
