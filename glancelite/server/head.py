"""Heads as almost all clients write them, read at once. Whatever else comes is for gunicorn's parser to judge."""

import re

from gunicorn.config import Config
from gunicorn.http.message import Request

_HEAD = re.compile(
    rb"(GET|HEAD|POST|PUT|PATCH|DELETE) (/(?!/)[!\"$->@-~]*)(\?[!\"$-~]*)? HTTP/1\.1\r\n"
    rb"((?:[A-Za-z0-9-]+:[\t -~\x80-\xff]*\r\n)+)\r\n"
)
"""Source: RFC 9112, without what is seldom seen or has to be refused: other methods, versions and forms of a target,
fragments, lines that are folded or end otherwise, names with other characters than these."""

_ONCE = frozenset(("HOST", "CONTENT-TYPE", "CONTENT-LENGTH"))
_JUDGED = frozenset(("TRANSFER-ENCODING", "EXPECT"))


class PlainRequest(Request):  # type: ignore[misc] # gunicorn has no types
    """A request that was not parsed by gunicorn, and is the same to the rest of it."""

    def __init__(self, cfg: Config, client: tuple[str, int], method: str, path: str, query: str) -> None:
        # Not the parser's own __init__, which parses.
        self.cfg, self.peer_addr, self.remote_addr = cfg, client, client
        self.method, self.uri, self.path, self.query, self.fragment = method, path + query, path, query[1:], ""
        self.version, self.scheme = (1, 1), "http"
        self.headers: list[tuple[str, str]] = []
        self.trailers: list[tuple[str, str]] = []
        self.body = self.proxy_protocol_info = None
        self.must_close = self._expected_100_continue = False


def read_plain(cfg: Config, head: bytes, client: tuple[str, int]) -> PlainRequest | None:
    """The request, as gunicorn's parser would give it; None where that has to look."""
    match = _HEAD.fullmatch(head) if len(head) <= cfg.limit_request_line else None
    if match is None:
        return None
    method, path, query, fields = (group.decode("latin-1") for group in match.groups(b""))
    request = PlainRequest(cfg, client, method, path, query)
    seen = set()
    for line in fields.split("\r\n")[:-1]:
        name, _, value = line.partition(":")
        name, value = name.upper(), value.strip(" \t")
        if name in _JUDGED or (name in _ONCE and name in seen):
            return None
        seen.add(name)
        request.headers.append((name, value))
        if name == "CONTENT-LENGTH" and not (value.isascii() and value.isdigit()):
            return None
    return request if len(request.headers) <= cfg.limit_request_fields else None
