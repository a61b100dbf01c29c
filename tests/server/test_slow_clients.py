"""Clients that are slow, or never come back, cost the others nothing."""

import time
from contextlib import ExitStack


def besiege(target, ends, heads, bodies, readers):
    """Open connections that send or read the half of it and then do nothing."""
    half_head = target.fill(b"GET {small} HTTP/1.1\r\nHost: x\r\nX-A:")
    json = b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    half_body = target.fill(b"{method} {body} HTTP/1.1\r\nHost: x\r\n" + json)
    never_read = b"GET " + target.big_path.encode() + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    for request, count in ((half_head, heads), (half_body, bodies), (never_read, readers)):
        for _ in range(count):
            sock = target.connect(receive_buffer=4096)
            ends.callback(sock.close)
            sock.sendall(request)


def test_another_caller_is_served_while_110_slow_ones_are_connected(target):
    with ExitStack() as ends:
        besiege(target, ends, heads=40, bodies=40, readers=30)
        begin = time.monotonic()
        for _ in range(5):
            assert target.get(target.small_path).statuses == [200]
        assert time.monotonic() - begin < 3


def test_half_sent_headers_take_no_threads_however_many_there_are(start):
    target = start(threads=4)
    with ExitStack() as ends:
        besiege(target, ends, heads=100, bodies=0, readers=0)
        begin = time.monotonic()
        assert target.get(target.small_path).statuses == [200]
        assert time.monotonic() - begin < 1


def test_connections_beyond_the_limit_push_out_those_that_wait_longest(start, monkeypatch):
    monkeypatch.setenv("ECHO_DESCRIPTORS", "128")
    target = start(threads=4)
    with ExitStack() as ends:
        besiege(target, ends, heads=200, bodies=0, readers=0)
        assert target.get(target.small_path).statuses == [200]
    assert target.stop() == 0
    assert "Traceback" not in target.stderr.read_text()


def test_half_sent_headers_are_given_up(start):
    target = start(header_timeout=0.3)
    answers = target.ask(b"GET {small} HTTP/1.1\r\nHost: x\r\n")
    assert answers.statuses == [408]
    assert answers.closed
    assert b"headers were not complete within 0.3 seconds" in answers.body


def test_headers_that_drip_are_given_up_too(start):
    target = start(header_timeout=0.5)
    with target.connect() as sock:
        begin = time.monotonic()
        sock.sendall(b"GET / HTTP/1.1\r\n")
        for letter in b"X-A: abcdefg":
            sock.sendall(bytes([letter]))
            time.sleep(0.05)
        assert target.listen_to(sock).statuses == [408]
        assert time.monotonic() - begin < 2


def test_a_connection_that_says_nothing_is_closed_without_a_word(start):
    target = start(header_timeout=0.3)
    answers = target.ask(b"")
    assert (answers.data, answers.closed) == (b"", True)


def test_an_idle_connection_is_closed_after_its_time(start):
    target = start(keepalive_timeout=0.3)
    begin = time.monotonic()
    answers = target.ask(b"GET {small} HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answers.statuses == [200]
    assert answers.closed
    assert 0.2 < time.monotonic() - begin < 2


def test_a_client_that_falls_silent_in_its_body_is_given_up(start):
    target = start(body_idle_timeout=0.3)
    for framing in (b"Content-Length: 10\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel"):
        begin = time.monotonic()
        answers = target.ask(b"{method} {body} HTTP/1.1\r\nHost: x\r\n" + framing, patience=3)
        assert answers.statuses == [408]
        assert b"No data of the request body arrived for 0.3 seconds." in answers.body
        assert time.monotonic() - begin < 1


def test_a_body_that_drips_is_given_up(start):
    target = start(body_idle_timeout=0.3, body_minimum_rate=10_000)
    with target.connect() as sock:
        sock.sendall(target.fill(b"{method} {body} HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n"))
        sent, begin = 0, time.monotonic()
        while time.monotonic() - begin < 3:
            try:
                sent += sock.send(b"some")
            except ConnectionError:
                break
            sock.settimeout(0.05)
            try:
                data = sock.recv(1 << 16)
            except TimeoutError:
                continue
            assert b" 408 " in data
            assert b"at less than 10000 bytes per second" in data
            break
        assert time.monotonic() - begin < 2


def test_a_slow_body_above_the_minimum_rate_is_taken(start):
    target = start(body_idle_timeout=0.3, body_minimum_rate=1000)
    with target.connect() as sock:
        sock.sendall(
            target.fill(b"{method} {body} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10000\r\n\r\n")
        )
        for _ in range(10):
            sock.sendall(bytes(1000))
            time.sleep(0.1)
        assert target.listen_to(sock).statuses == [200]


def test_the_time_that_the_app_takes_is_not_held_against_the_client(start):
    target = start(body_idle_timeout=0.2, body_minimum_rate=100_000)
    request = b"PUT /ponder?0.1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10\r\n\r\n" + bytes(10)
    assert target.ask(request).statuses == [200]


def test_a_client_that_never_reads_is_given_up(start):
    target = start(send_timeout=0.3)
    with target.connect(receive_buffer=4096) as streamed, target.connect(receive_buffer=4096) as sent:
        streamed.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        sent.sendall(b"GET /file HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(1.2)
        for sock in (streamed, sent):
            answers = target.listen_to(sock)
            assert answers.closed
            assert len(answers.body) < 64 << 20


def test_a_client_that_reads_slowly_but_reads_gets_everything(start):
    target = start(send_timeout=0.5)
    with target.connect(receive_buffer=1 << 16) as sock:
        sock.sendall(b"GET /file?0-8000000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = 0
        while block := sock.recv(1 << 19):
            received += len(block)
            time.sleep(0.02)
        assert received > 8_000_000
