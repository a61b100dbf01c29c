"""Heads that are read at once are read as gunicorn's parser would, and those that it refuses are left to it."""

import random
from collections.abc import Iterator

import pytest
from gunicorn.config import Config
from gunicorn.http import errors
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader

from glancelite.server.head import read_plain

CLIENT = ("127.0.0.1", 40000)
PLAIN = (
    b"GET /v2/images?limit=2&marker=%20a HTTP/1.1\r\nHost: example.org:9292\r\nUser-Agent: a/1\r\nAccept: */*\r\n\r\n",
    b"PUT /v2/images/a/file HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n",
    b"POST /v2/images HTTP/1.1\r\nhost:x\r\ncontent-length:\t0 \r\nX-Name: \xe9\xff\r\nconnection: Close\r\n\r\n",
    b"PATCH /a;b=c/(d)[e]@f:9 HTTP/1.1\r\nHost: x\r\nVia: a\r\nVia: b\r\nConnection: keep-alive\r\n\r\n",
    b"DELETE /? HTTP/1.1\r\nHost: x\r\nX-Empty:\r\n\r\n",
)
JUDGED = (
    PLAIN[0].replace(b"HTTP/1.1", b"HTTP/1.0"),
    PLAIN[0].replace(b"GET", b"get"),
    PLAIN[0].replace(b"/v2", b"//v2"),
    PLAIN[0].replace(b"/v2", b"http://x/v2"),
    PLAIN[0].replace(b"limit", b"#limit"),
    PLAIN[0].replace(b"User-Agent", b"User_Agent"),
    PLAIN[0].replace(b"User-Agent", b"User-Agent "),
    PLAIN[0].replace(b"Accept", b" Accept"),
    PLAIN[0].replace(b"Accept", b"HOST"),
    PLAIN[0].replace(b"a/1", b"a\0"),
    PLAIN[0].replace(b"a/1\r", b"a/1"),
    PLAIN[1].replace(b"Content-Length: 10", b"Transfer-Encoding: chunked"),
    PLAIN[1].replace(b"Content-Length: 10", b"Expect: 100-continue"),
    PLAIN[1].replace(b"10", b"10\r\nContent-Length: 10"),
    PLAIN[1].replace(b"10", b"+10"),
    PLAIN[1].replace(b"10", b"\xb2"),
    PLAIN[0].replace(b"a/1", b"a" * 4096),
    PLAIN[0].replace(b"\r\n\r\n", b"\r\nA: b" * 100 + b"\r\n\r\n"),
)
PIECES = (
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\t",
    b":",
    b"#",
    b"?",
    b"/",
    b"//",
    b"\0",
    b"_",
    b"-",
    b"\x7f",
    b"\x85",
    b"\xa0",
)
PIECES += (b"Host: y\r\n", b"Content-Length: 1\r\n", b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n")
PIECES += (
    b"HTTP/1.0",
    b"HTTP/1.1",
    b"http://",
    b"%",
    b"X_Y: 1\r\n",
    b" folded\r\n",
    b"Connection: close\r\n",
    b"\xc3\xb6",
)


@pytest.fixture(scope="module")
def cfg() -> Config:
    cfg = Config()
    for name, value in {"header_map": "drop", "http_parser": "python", "forwarded_allow_ips": ""}.items():
        cfg.set(name, value)
    return cfg


def parsed(cfg: Config, head: bytes) -> Request | None:
    """What gunicorn makes of a head; None where it refuses."""
    try:
        return Request(cfg, IterUnreader([head]), CLIENT)
    except (errors.ParseException, errors.NoMoreData, StopIteration):
        return None


def told(request: Request) -> list[object]:
    names = ("method", "uri", "path", "query", "fragment", "version", "headers", "trailers", "scheme", "peer_addr")
    return [getattr(request, name) for name in names] + [request.should_close(), request._expected_100_continue]


def mangled(chance: random.Random) -> Iterator[bytes]:
    """Heads that are almost plain."""
    for _ in range(20_000):
        head = chance.choice(PLAIN)
        for _ in range(chance.randint(1, 3)):
            at, gone = chance.randrange(len(head)), chance.choice((0, 0, 1, 2))
            head = head[:at] + chance.choice(PIECES) + head[at + gone :]
        end = head.find(b"\r\n\r\n")
        yield head if end < 0 else head[: end + 4]  # as the connection hands heads over


@pytest.mark.parametrize("head", PLAIN)
def test_what_is_plain_is_read_at_once_and_as_gunicorn_reads_it(cfg: Config, head: bytes) -> None:
    request = read_plain(cfg, head, CLIENT)

    assert request is not None
    assert told(request) == told(parsed(cfg, head))


@pytest.mark.parametrize("head", JUDGED)
def test_what_is_not_plain_is_left_to_gunicorn(cfg: Config, head: bytes) -> None:
    assert read_plain(cfg, head, CLIENT) is None


def test_whatever_is_read_at_once_is_what_gunicorn_reads(cfg: Config) -> None:
    plain = refused = 0
    for head in mangled(random.Random(8)):
        request, judged = read_plain(cfg, head, CLIENT), parsed(cfg, head)
        plain += request is not None
        refused += judged is None
        if request is not None:
            assert judged is not None, head
            assert told(request) == told(judged), head
    assert plain > 2000
    assert refused > 2000
