"""Requests and streams over urllib3: JSON answers, uploads and downloads in pieces, and errors as sentences.

Redirects are not followed, for an Image API has none but its version document. What is idempotent is tried again as
often as the setting `retries` says.
"""

import hashlib
import json
import logging
import re
import shlex
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3
from urllib3 import exceptions

from .auth import Login, Settings
from .errors import BadAccess, BadAnswer, ClientError, Refused, Unconnected, Unreachable
from .pools import PIECE, open_pool
from .retries import IDEMPOTENT, Retries, read_retry_after
from .sentence import find_sentence

_SECRETS = ("authorization", "x-auth-token")
_BODY_SHOWN = 64 << 10
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Exchange:
    """One request that was answered: for --timing."""

    method: str
    url: str
    seconds: float


class Transport:
    """Speaks HTTP with one service; keeps its connections open until it is closed."""

    def __init__(self, login: Login, settings: Settings, agent: str) -> None:
        self.endpoint, self._login, self._agent = login.endpoint, login, agent
        self.identity = login.identity
        self._pool = open_pool(login.endpoint, settings)
        self._tries = int(settings.get("retries") or 0)
        self.exchanges: list[Exchange] = []

    def close(self) -> None:
        self._pool.clear()

    def request(
        self,
        method: str,
        path: str,
        query: Iterable[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        document: Any = None,
    ) -> Any:
        """Send a small request and return its JSON answer, None when there is no body."""
        retries, is_sent = self.retries() if method in IDEMPOTENT else Retries(0), False
        while True:
            try:
                return self._ask(method, path, query, headers, document)
            except ClientError as error:
                if method == "DELETE" and is_sent and isinstance(error, Refused) and error.status == 404:
                    return None  # it was deleted, and only the answer was lost
                retries.wait(error)
                is_sent = is_sent or not isinstance(error, Unconnected)

    def retries(self) -> Retries:
        """How often one thing may be tried again."""
        return Retries(self._tries)

    def _ask(
        self,
        method: str,
        path: str,
        query: Iterable[tuple[str, str]],
        headers: Mapping[str, str] | None,
        document: Any,
    ) -> Any:
        body = None if document is None else json.dumps(document).encode()
        with self._exchange(
            method, path, query, {"Accept": "application/json", **(headers or {})}, body=body
        ) as answer:
            with _translated(self.endpoint):
                content = answer.read(decode_content=True)
            log.debug("%s", _shorten(content))
            if not content:
                return None
            try:
                return json.loads(content)
            except ValueError as error:
                raise BadAnswer(f"What answers at {self.endpoint} does not speak the Image API.") from error

    def upload(self, path: str, pieces: Iterable[bytes], length: int | None, headers: Mapping[str, str]) -> None:
        """PUT a stream: with a Content-Length when the length is known, chunked otherwise."""
        known = {} if length is None else {"Content-Length": str(length), "x-openstack-image-size": str(length)}
        fixed = {"Accept": "application/json", "Content-Type": "application/octet-stream"}
        with (
            self._exchange(
                "PUT", path, (), {**fixed, **known, **headers}, body=pieces, chunked=length is None
            ) as answer,
            _translated(self.endpoint),
        ):
            answer.read()

    @contextmanager
    def download(
        self, path: str, query: Iterable[tuple[str, str]] = (), headers: Mapping[str, str] | None = None
    ) -> Iterator["Download"]:
        """GET a stream; a body cut short raises Unreachable while it is read."""
        fixed = {"Accept": "application/octet-stream, application/json"}
        with self._exchange("GET", path, query, {**fixed, **(headers or {})}) as answer:
            yield Download(answer, self.endpoint)

    @contextmanager
    def _exchange(
        self,
        method: str,
        path: str,
        query: Iterable[tuple[str, str]],
        headers: Mapping[str, str],
        *,
        body: Any = None,
        chunked: bool = False,
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        pairs = urlencode(list(query), errors="surrogateescape")
        url = self.endpoint + path + (f"?{pairs}" if pairs else "")
        headers = {"User-Agent": self._agent, **self._login.headers(), **headers}
        _check_headers(headers)
        _log_request(method, url, headers, body)
        started = time.monotonic()
        with _translated(self.endpoint):
            answer = self._pool.urlopen(
                method, url, body=body, headers=headers, chunked=chunked,
                preload_content=False, redirect=False, retries=False,
            )  # fmt: skip
        try:
            seconds = time.monotonic() - started
            self.exchanges.append(Exchange(method, url, seconds))
            log.info("%s %s -> %s in %.0f ms", method, url, answer.status, seconds * 1000)
            log.debug("%s", "\n".join(f"< {name}: {value}" for name, value in answer.headers.items()))
            self._check(answer)
            yield answer
        finally:
            answer.close()

    def _check(self, answer: urllib3.BaseHTTPResponse) -> None:
        if answer.status < 300:
            return
        if answer.status < 400:
            place = answer.headers.get("Location", "its version document")
            raise BadAnswer(f"What answers at {self.endpoint} points to {place}; is this the image endpoint?")
        with _translated(self.endpoint):
            body = answer.read(_BODY_SHOWN, decode_content=True)
        log.debug("%s", _shorten(body))
        sentence = find_sentence(answer.status, answer.headers.get("Content-Type", ""), body)
        retry_after = read_retry_after(answer.headers.get("Retry-After"))
        raise Refused(answer.status, sentence, answer.headers.get("X-Openstack-Request-Id", ""), retry_after)


def _check_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            raise BadAccess(f"{name} has characters that no header can have; is there a line break in a token?")


class Download:
    """The body of an answer, read in pieces."""

    def __init__(self, answer: urllib3.BaseHTTPResponse, endpoint: str) -> None:
        self._answer, self._endpoint = answer, endpoint
        self.status, self.headers = answer.status, answer.headers

    @property
    def offset(self) -> int:
        """Where in the data the body begins."""
        if self.status != 206:
            return 0
        found = _CONTENT_RANGE.fullmatch(self.headers.get("Content-Range", ""))
        if found is None:
            raise BadAnswer(f"{self._endpoint} sends a part of the data and does not say which.")
        return int(found[1])

    @property
    def validator(self) -> str:
        """What proves later that data is still the same; empty where there is no strong one."""
        tag = self.headers.get("ETag", "")
        return tag if tag.startswith('"') else ""

    def pieces(self, size: int = PIECE) -> Iterator[bytes]:
        while True:
            with _translated(self._endpoint):
                piece = self._answer.read(size, decode_content=False)
            if not piece:
                return
            yield piece


@contextmanager
def _translated(endpoint: str) -> Iterator[None]:
    """Turn urllib3's exceptions and bare socket errors into ours."""
    try:
        yield
    except exceptions.LocationParseError as error:
        raise BadAccess(f"'{endpoint}' is not a URL that can be asked.") from error
    except exceptions.NameResolutionError as error:
        raise Unconnected(f"The host of {endpoint} cannot be found.") from error
    except exceptions.NewConnectionError as error:
        raise Unconnected(f"No service answers at {endpoint} ({_reason(error)}).") from error
    except exceptions.ConnectTimeoutError as error:
        raise Unconnected(f"{endpoint} did not take the connection in time.") from error
    except exceptions.SSLError as error:
        raise Unconnected(f"TLS with {endpoint} failed: {_reason(error)}.") from error
    except (exceptions.ReadTimeoutError, TimeoutError) as error:
        raise Unreachable(f"{endpoint} did not answer in time.") from error
    except (exceptions.HTTPError, ConnectionError) as error:
        raise Unreachable(f"The connection to {endpoint} broke: {_reason(error)}.") from error


def _reason(error: BaseException) -> str:
    """The innermost cause's own words."""
    inner: BaseException | None = error
    while inner is not None:
        error, inner = inner, inner.__cause__ or inner.__context__
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")


def _log_request(method: str, url: str, headers: Mapping[str, str], body: Any) -> None:
    if not log.isEnabledFor(logging.DEBUG):
        return
    shown = " ".join(f"-H {shlex.quote(f'{name}: {_veil(name, value)}')}" for name, value in headers.items())
    data = f" -d {shlex.quote(body.decode())}" if isinstance(body, bytes) else " -T -" if body is not None else ""
    log.debug("curl -i -X %s %s %s%s", method, shlex.quote(url), shown, data)


def _veil(name: str, value: str) -> str:
    if name.lower() not in _SECRETS:
        return value
    if value.startswith("Basic "):  # a hash of what people choose can be guessed
        return "Basic ***"
    return "{SHA256}" + hashlib.sha256(value.encode()).hexdigest()[:16]


def _shorten(body: bytes) -> str:
    return body[:_BODY_SHOWN].decode("utf-8", "replace")
