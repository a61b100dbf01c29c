"""What two parsers could read differently is refused, once, and the connection closed.

Every row is sent with a second request behind it: a server that answers twice has been talked into something.
`{small}` is a GET that answers 200, `{method} {body}` a request whose body is read.
"""

import socket
from contextlib import closing

import pytest

SECOND = b"GET {small} HTTP/1.1\r\nHost: second\r\n\r\n"


def body(*headers: bytes, data: bytes = b"", version: bytes = b"1.1") -> bytes:
    lines = [b"{method} {body} HTTP/" + version, b"Host: x", b"Content-Type: application/json", *headers]
    return b"\r\n".join([*lines, b"", data])


def length(value: bytes) -> bytes:
    return body(b"Content-Length: " + value, data=b"abc")


def coding(*values: bytes, version: bytes = b"1.1") -> bytes:
    return body(*(b"Transfer-Encoding: " + value for value in values), data=b"3\r\nabc\r\n0\r\n\r\n", version=version)


def chunks(data: bytes) -> bytes:
    return body(b"Transfer-Encoding: chunked", data=data)


def get(lines: bytes) -> bytes:
    return b"GET {small} HTTP/1.1\r\n" + lines


BAD_REQUESTS = {
    # name: what is sent (a second request follows), the status it is refused with
    "length, then chunks": (body(b"Content-Length: 3", b"Transfer-Encoding: chunked", data=b"0\r\n\r\n"), 400),
    "chunks, then length": (body(b"Transfer-Encoding: chunked", b"Content-Length: 3", data=b"0\r\n\r\n"), 400),
    "two lengths that differ": (body(b"Content-Length: 3", b"Content-Length: 4", data=b"abc"), 400),
    "two lengths that agree": (body(b"Content-Length: 3", b"Content-Length: 3", data=b"abc"), 400),
    "two lengths in one header": (length(b"3, 3"), 400),
    "length with a plus": (length(b"+3"), 400),
    "length with a minus": (length(b"-3"), 400),
    "length in hex": (length(b"0x3"), 400),
    "length with an underscore": (length(b"0_3"), 400),
    "length with a fraction": (length(b"3.0"), 400),
    "length that is empty": (length(b""), 400),
    "length in superscript": (length(b"\xb3"), 400),
    "length beyond all bounds": (length(b"9" * 20), 400),
    "length of five thousand digits": (length(b"9" * 5000), 400),
    "coding gzip": (coding(b"gzip"), 400),
    "coding gzip, chunked": (coding(b"gzip, chunked"), 400),
    "coding identity": (coding(b"identity"), 400),
    "coding identity, chunked": (coding(b"identity, chunked"), 400),
    "coding chunked, identity": (coding(b"chunked, identity"), 400),
    "coding chunked twice": (coding(b"chunked, chunked"), 400),
    "coding in two headers": (coding(b"identity", b"chunked"), 400),
    "coding xchunked": (coding(b"xchunked"), 400),
    "coding with a parameter": (coding(b"chunked;q=1"), 400),
    "coding with a vertical tab": (coding(b"\x0bchunked"), 400),
    "coding that is empty": (coding(b""), 400),
    "coding in HTTP/1.0": (coding(b"chunked", version=b"1.0"), 400),
    "bare LF everywhere": (b"GET {small} HTTP/1.1\nHost: x\n\n", 400),
    "bare LF after the request line": (b"GET {small} HTTP/1.1\nHost: x\r\n\r\n", 400),
    "bare LF between headers": (get(b"Host: x\nX-A: 1\r\n\r\n"), 400),
    "bare LF as the empty line": (get(b"Host: x\r\n\n"), 400),
    "bare CR between headers": (get(b"Host: x\rX-A: 1\r\n\r\n"), 400),
    "NUL in a header": (get(b"Host: x\r\nX-A: a\0b\r\n\r\n"), 400),
    "folded header": (get(b"Host: x\r\nX-A: 1\r\n 2\r\n\r\n"), 400),
    "folded first header": (get(b" Host: x\r\n\r\n"), 400),
    "space before a colon": (body(b"Content-Length : 3", data=b"abc"), 400),
    "tab before a colon": (body(b"Transfer-Encoding\t: chunked", data=b"0\r\n\r\n"), 400),
    "header without a name": (get(b"Host: x\r\n: 1\r\n\r\n"), 400),
    "header without a colon": (get(b"Host: x\r\nX-A\r\n\r\n"), 400),
    "header name with brackets": (get(b"Host: x\r\nX(A): 1\r\n\r\n"), 400),
    "no Host": (get(b"X-A: 1\r\n\r\n"), 400),
    "two Hosts": (get(b"Host: x\r\nHost: y\r\n\r\n"), 400),
    "no version": (b"GET {small}\r\nHost: x\r\n\r\n", 400),
    "version 2": (b"GET {small} HTTP/2.0\r\nHost: x\r\n\r\n", 400),
    "no path": (b"GET  HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "nothing but an empty line": (b"\r\n\r\n", 400),
    "unknown expectation": (get(b"Host: x\r\nExpect: miracles\r\n\r\n"), 417),
    "endless request line": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "endless header": (get(b"Host: x\r\nX-A: " + b"a" * 9000 + b"\r\n\r\n"), 431),
    "endless headers": (get(b"Host: x\r\n" + b"X-A: a\r\n" * 9000), 431),
    "chunk size -5": (chunks(b"-5\r\nhello\r\n0\r\n\r\n"), 400),
    "chunk size +5": (chunks(b"+5\r\nhello\r\n0\r\n\r\n"), 400),
    "chunk size 0x5": (chunks(b"0x5\r\nhello\r\n0\r\n\r\n"), 400),
    "chunk size with a space before it": (chunks(b" 5\r\nhello\r\n0\r\n\r\n"), 400),
    "chunk size with a space after it": (chunks(b"5 \r\nhello\r\n0\r\n\r\n"), 400),
    "chunk size with an underscore": (chunks(b"0_5\r\nhello\r\n0\r\n\r\n"), 400),
    "chunk size that overflows": (chunks(b"ffffffffffffffffff\r\nhello\r\n0\r\n\r\n"), 400),
    "chunk size 2**64 + 5": (chunks(b"10000000000000005\r\nhello\r\n0\r\n\r\n"), 400),
    "chunk size that is empty": (chunks(b"\r\nhello\r\n0\r\n\r\n"), 400),
    "chunk size in words": (chunks(b"five\r\nhello\r\n0\r\n\r\n"), 400),
    "chunk size line that never ends": (chunks(b"0" * 70000), 400),
    "chunk size line with a bare LF": (chunks(b"5\nhello\r\n0\r\n\r\n"), 400),
    "chunk size line with a bare CR": (chunks(b"5\rhello\r\n0\r\n\r\n"), 400),
    "chunk extension with NUL": (chunks(b"5;\0\r\nhello\r\n0\r\n\r\n"), 400),
    "chunk extension with a bare LF": (chunks(b"5;a\nb\r\nhello\r\n0\r\n\r\n"), 400),
    "chunk extension that is junk": (chunks(b"5;(a b)\r\nhello\r\n0\r\n\r\n"), 400),
    "chunk extension without a name": (chunks(b"5;\r\nhello\r\n0\r\n\r\n"), 400),
    "chunk extension that never ends": (chunks(b"5;a=" + b"a" * 70000), 400),
    "chunk without CRLF behind it": (chunks(b"5\r\nhello0\r\n\r\n"), 400),
    "chunk with LF behind it": (chunks(b"5\r\nhello\n0\r\n\r\n"), 400),
    "chunk longer than its size": (chunks(b"3\r\nhello\r\n0\r\n\r\n"), 400),
    "trailer without a colon": (chunks(b"5\r\nhello\r\n0\r\nX-A\r\n\r\n"), 400),
    "trailer with a bare LF": (chunks(b"5\r\nhello\r\n0\r\nX-A: 1\n\r\n"), 400),
    "trailers without end": (chunks(b"5\r\nhello\r\n0\r\n" + b"X-A: 1\r\n" * 100), 400),
}

CUT_BODIES = {
    "half of its length": body(b"Content-Length: 10", data=b"hello"),
    "none of its length": body(b"Content-Length: 10"),
    "no chunk": chunks(b""),
    "half a chunk size": chunks(b"1"),
    "half a chunk": chunks(b"a\r\nhello"),
    "a chunk without its CRLF": chunks(b"5\r\nhello"),
    "a chunk but not the last": chunks(b"5\r\nhello\r\n"),
    "the last chunk without its empty line": chunks(b"5\r\nhello\r\n0\r\n"),
    "half a trailer": chunks(b"5\r\nhello\r\n0\r\nX-A: "),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_an_ambiguous_request_is_refused_once_and_the_connection_closed(target, name):
    request, status = BAD_REQUESTS[name]
    answers = target.ask(request + SECOND)
    assert answers.statuses == [status]
    assert answers.closed
    assert b"\r\nConnection: close\r\n" in answers.data


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_a_refusal_does_not_depend_on_how_the_bytes_arrive(target, name):
    request, status = BAD_REQUESTS[name]
    request = target.fill(request + SECOND)
    with closing(target.connect()) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, 200, 7):
            sock.sendall(request[start : start + 7])
        sock.sendall(request[203:])
        answers = target.listen_to(sock)
    assert answers.statuses == [status]
    assert answers.closed


@pytest.mark.parametrize("name", CUT_BODIES)
def test_a_cut_body_is_never_taken_for_a_whole_one(target, name):
    answers = target.ask(CUT_BODIES[name], hang_up=True)
    assert answers.statuses in ([], [400])
    assert answers.closed


def test_after_bad_requests_good_ones_are_served(target):
    assert target.get(target.small_path).statuses == [200]
