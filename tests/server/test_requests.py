"""Ordinary clients: what the app gets to see of them, and what they get to see of the app."""

import hashlib
import json

import pytest

HOST = b" HTTP/1.1\r\nHost: x\r\n"
LAST = HOST + b"Connection: close\r\n"


def put(data: bytes, path: bytes = b"/echo") -> bytes:
    return b"PUT " + path + LAST + b"Transfer-Encoding: chunked\r\n\r\n" + data


def test_header_names_with_an_underscore_never_reach_the_app(echo):
    forged = ("X_User_Id: mallory", "x_roles: admin", "SCRIPT_NAME: /x", "PATH_INFO: /x", "X_Forwarded_Proto: https")
    environ = json.loads(echo.get("/tell", *forged).body)
    assert not {"HTTP_X_USER_ID", "HTTP_X_ROLES", "HTTP_SCRIPT_NAME", "HTTP_PATH_INFO"} & set(environ)
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("", "/tell")
    environ = json.loads(echo.get("/tell", "X-User-Id: alice", "X_User-Id: mallory").body)
    assert environ["HTTP_X_USER_ID"] == "alice"


def test_nobody_is_believed_about_the_scheme(echo):
    environ = json.loads(echo.get("/tell", "X-Forwarded-Proto: https", "X-Forwarded-Ssl: on").body)
    assert environ["wsgi.url_scheme"] == "http"
    assert environ["HTTP_X_FORWARDED_PROTO"] == "https"


def test_the_app_learns_who_asks_and_that_chunked_bodies_end(echo):
    environ = json.loads(echo.get("/tell?a=b").body)
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert environ["SERVER_PORT"] == str(echo.address[1])
    assert environ["QUERY_STRING"] == "a=b"
    assert environ["wsgi.input_terminated"] is True
    assert environ["wsgi.multithread"] is True


def test_a_server_on_ipv6_says_who_asks(start):
    environ = json.loads(start(host="::1").get("/tell").body)
    assert environ["REMOTE_ADDR"] == "::1"


@pytest.mark.parametrize("size", [1, 100, 5000, 70_000, 1 << 20])
@pytest.mark.parametrize("chunk", [0, 1000, 300_000])
def test_a_body_arrives_byte_for_byte_however_it_is_framed_and_read(echo, chunk, size):
    data = bytes(range(251)) * (40 if size == 1 else 4000)
    if chunk:
        parts = [data[at : at + chunk] for at in range(0, len(data), chunk)]
        framed = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        answers = echo.ask(put(framed, b"/echo?%d" % size))
    else:
        answers = echo.ask(b"PUT /echo?%d" % size + LAST + b"Content-Length: %d\r\n\r\n" % len(data) + data)
    assert json.loads(answers.body) == {"length": len(data), "sha256": hashlib.sha256(data).hexdigest()}


@pytest.mark.parametrize(
    "data",
    [
        b"5\r\nhello\r\n0\r\n\r\n",
        b"05\r\nhello\r\n000\r\n\r\n",
        b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"5;name\r\nhello\r\n0;last\r\n\r\n",
        b'5;name=value;other="a \\" b"\r\nhello\r\n0\r\n\r\n',
        b"5\r\nhello\r\n0\r\nX-Checksum: 1\r\nX-Empty:\r\n\r\n",
    ],
)
def test_chunks_may_be_written_in_every_way_that_the_standard_allows(echo, data):
    assert json.loads(echo.ask(put(data)).body)["sha256"] == hashlib.sha256(b"hello").hexdigest()


def test_a_body_can_be_read_line_by_line(echo):
    assert json.loads(echo.ask(put(b"6\r\none\ntw\r\n7\r\no\nthree\r\n0\r\n\r\n", b"/lines")).body) == [
        "one\n",
        "two\n",
        "three",
    ]


def test_requests_follow_each_other_on_one_connection(target):
    answers = target.ask(b"GET {small} HTTP/1.1\r\nHost: x\r\n\r\n" * 3 + b"GET {small}" + LAST + b"\r\n")
    assert answers.statuses == [200] * 4
    assert answers.closed


def test_a_request_right_behind_a_body_is_served_after_it(echo):
    first = b"PUT /echo" + HOST + b"Content-Length: 5\r\n\r\nhello"
    second = b"PUT /echo" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    assert echo.ask(first + second + b"GET /small" + LAST + b"\r\n").statuses == [200] * 3


def test_an_http_1_0_client_is_answered_and_left(target):
    answers = target.ask(b"GET {small} HTTP/1.0\r\n\r\n")
    assert answers.statuses == [200]
    assert answers.closed


def test_who_waits_for_100_continue_hears_it_when_the_app_reads(echo):
    with echo.connect() as sock:
        sock.sendall(b"PUT /echo" + LAST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"hello")
        assert echo.listen_to(sock).statuses == [200]


def test_who_waits_for_100_continue_is_spared_the_body_when_the_app_does_not_want_it(echo):
    answers = echo.ask(b"PUT /early" + HOST + b"Content-Length: 5000000\r\nExpect: 100-continue\r\n\r\n")
    assert answers.statuses == [413]
    assert answers.closed


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 52428800\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n3200000\r\n"]
)
def test_an_early_answer_reaches_a_client_that_sends_all_of_its_50_mb_first(echo, framing):
    with echo.connect() as sock:
        sock.sendall(b"PUT /early" + HOST + framing)
        for _ in range(50):
            sock.sendall(bytes(1 << 20))
        answers = echo.listen_to(sock)
    assert answers.statuses == [413]
    assert b"\r\nConnection: close\r\n" in answers.data
    assert answers.closed


def test_a_body_that_nobody_read_is_not_taken_for_a_request(echo):
    smuggled = b"GET /small" + HOST + b"\r\n"
    answers = echo.ask(b"PUT /early" + HOST + b"Content-Length: %d\r\n\r\n" % len(smuggled) + smuggled)
    assert answers.statuses == [413]


def test_a_malformed_chunk_after_the_answer_adds_no_second_one(echo):
    answers = echo.ask(put(b"-5\r\nhello\r\n", b"/early"))
    assert answers.statuses == [413]
    assert answers.closed


def test_an_error_of_the_apps_own_is_a_500_without_its_details(start):
    target = start()
    answers = target.get("/fail", "Accept: application/json")
    assert answers.statuses == [500]
    assert json.loads(answers.body)["code"] == "500 Internal Server Error"
    assert b"trouble" not in answers.body
    assert "the app's own trouble" in target.stderr.read_text()


def test_a_refusal_comes_in_the_form_that_was_asked_for(echo):
    head = b"GET /small HTTP/1.1\r\nAccept: application/json\r\n\r\n"
    assert json.loads(echo.ask(head).body)["message"] == "The request names no Host."
    assert b"<html>" in echo.ask(b"GET /small HTTP/1.1\r\n\r\n").body
