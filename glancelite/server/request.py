"""From the bytes of a head to a request: gunicorn parses what is not plain, and what it lets pass is refused here."""

from typing import Any

from gunicorn.config import Config
from gunicorn.http import errors as http
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader

from .body import RequestBody
from .connection import Connection
from .head import read_plain

LONGEST_BODY = (1 << 63) - 1
_STATUS = {http.LimitRequestLine: 414, http.LimitRequestHeaders: 431, http.NoMoreData: 431, http.ExpectationFailed: 417}


class Refusal(Exception):
    """A head that is not taken: the status and the sentence to answer with."""

    def __init__(self, status: int, reason: str, accept: str = "") -> None:
        super().__init__(reason)
        self.status, self.accept = status, accept


def read_request(cfg: Config, connection: Connection) -> Any:
    """The request whose head the connection holds, with our own reader as its body; Refusal when it is not sound."""
    connection.requests += 1
    head = connection.take_head()
    request = read_plain(cfg, head, connection.client) or _parse(cfg, connection, head)
    headers: list[tuple[str, str]] = request.headers
    request.body = RequestBody(connection, _body_length(request.version, headers), request._expected_100_continue)
    request._expected_100_continue = False  # The body says "100 Continue" itself, when it is first read.
    return request


def _parse(cfg: Config, connection: Connection, head: bytes) -> Request:
    # The parser sees the head and nothing else: it cannot wait for more, nor touch the body.
    try:
        return Request(cfg, IterUnreader([head]), connection.client, connection.requests)
    except (http.ParseException, http.NoMoreData) as error:
        reason = "The request's headers are too large" if isinstance(error, http.NoMoreData) else str(error)
        raise Refusal(_STATUS.get(type(error), 400), f"{reason}.") from error


def _body_length(version: tuple[int, int], headers: list[tuple[str, str]]) -> int | None:
    """The declared length, 0 where there is no body, None for chunks; stricter than the parser."""
    accept = _only(headers, "ACCEPT")
    if version >= (1, 1) and not any(name == "HOST" for name, _ in headers):
        raise Refusal(400, "The request names no Host.", accept)
    coding = [value for name, value in headers if name == "TRANSFER-ENCODING"]
    if coding and [value.lower() for value in coding] != ["chunked"]:
        raise Refusal(400, f"Transfer-Encoding {', '.join(coding)!r} is not understood; only 'chunked' is.", accept)
    if coding:
        return None
    length = int(_only(headers, "CONTENT-LENGTH") or 0)
    if length > LONGEST_BODY:
        raise Refusal(400, f"Content-Length {length} is beyond all bounds.", accept)
    return length


def _only(headers: list[tuple[str, str]], wanted: str) -> str:
    return next((value for name, value in headers if name == wanted), "")
