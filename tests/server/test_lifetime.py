"""From start to stop: workers are forked, replaced and drained."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from glancelite import config
from glancelite.errors import ConfigError
from glancelite.server import ServerSettings, server_factory

ROOT = Path(__file__).parents[2]


def pid(target):
    return json.loads(target.get("/small").body)["pid"]


def wait_for(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_running_request_ends_before_the_server_does(start, number):
    target = start()
    with target.connect() as sock:
        sock.sendall(b"GET /slow?0.7 HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.2)
        # As from a terminal: to the master and its workers.
        for process in (target.process.pid, pid(target)):
            os.kill(process, number)
        answers = target.listen_to(sock)
    assert answers.statuses == [200]
    assert answers.closed
    assert target.process.wait(5) == 0
    assert target.stdout.read_text().split() == ["ready", "started", "stopped", "drained"]
    assert target.stderr.read_text() == ""


def test_a_draining_server_takes_no_new_connections(start):
    target = start()
    with target.connect() as sock:
        sock.sendall(b"GET /slow?1 HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.2)
        target.process.terminate()
        time.sleep(0.4)
        with pytest.raises(ConnectionRefusedError):
            target.connect()
        assert target.listen_to(sock).statuses == [200]


def test_idle_and_half_sent_connections_do_not_hold_up_the_end(start):
    target = start()
    with target.connect() as idle, target.connect() as half:
        idle.sendall(b"GET /small HTTP/1.1\r\nHost: x\r\n\r\n")
        half.sendall(b"GET /small HTTP/1.1\r\n")
        time.sleep(0.2)
        begin = time.monotonic()
        assert target.stop() == 0
        assert time.monotonic() - begin < 2


def test_a_request_that_outlives_the_drain_is_cut_off_and_can_clean_up(start):
    target = start(graceful_timeout=0.5)
    with target.connect() as sock:
        sock.sendall(b"PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello")
        time.sleep(0.2)
        begin = time.monotonic()
        assert target.stop() == 0
        assert time.monotonic() - begin < 3
        assert target.listen_to(sock).statuses == []
    assert "cut short: ClientGone" in target.stdout.read_text()
    assert "stopped" in target.stdout.read_text()


def test_a_request_that_nothing_can_stop_does_not_stop_the_end(start):
    target = start(graceful_timeout=0.2)
    with target.connect() as sock:
        sock.sendall(b"GET /slow?60 HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.2)
        assert target.stop() == 0
    assert "1 requests were still running" in target.stderr.read_text()


def test_a_client_that_is_gone_already_does_not_disturb_the_end(start):
    target = start(graceful_timeout=0.2)
    with target.connect() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.sendall(b"GET /slow?1 HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.2)
    assert target.stop() == 0
    assert target.stderr.read_text() == ""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_dies_is_replaced(start, workers):
    target = start(workers=workers)
    target.get("/leave")
    wait_for(lambda: target.stdout.read_text().count("started") == workers + 1)
    assert target.get("/small").statuses == [200]
    assert target.process.poll() is None


def test_a_worker_whose_master_is_killed_ends_too(start):
    target = start()
    worker = pid(target)
    target.process.kill()
    target.process.wait()
    wait_for(lambda: not Path(f"/proc/{worker}/cmdline").exists() or not Path(f"/proc/{worker}/cmdline").read_bytes())
    assert "stopped" in target.stdout.read_text()


def test_many_callers_at_once_are_all_served(start):
    target = start(threads=8)
    seen = []

    def call():
        seen.extend(
            target.ask(b"GET /small HTTP/1.1\r\nHost: x\r\n\r\n" * 20 + b"GET /small HTTP/1.0\r\n\r\n").statuses
        )

    callers = [threading.Thread(target=call) for _ in range(16)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert seen == [200] * 16 * 21


def test_running_out_of_descriptors_is_survived(start, monkeypatch):
    monkeypatch.setenv("ECHO_DESCRIPTORS", "50")
    target = start(threads=60)
    before = pid(target)
    socks = [target.connect() for _ in range(60)]
    wait_for(lambda: "No new connections for a moment" in target.stderr.read_text())
    for sock in socks:
        sock.close()
    assert pid(target) == before


def test_a_port_that_is_taken_is_an_error_that_says_so(start):
    target = start()
    with pytest.raises(ConfigError, match=r"Cannot listen on 127\.0\.0\.1:\d+: Address already in use"):
        server_factory({}, host="127.0.0.1", port=str(target.address[1]))(lambda environ, start_response: [])


@pytest.mark.parametrize(
    "bind", ["nonsense", "127.0.0.1", ":9292", "127.0.0.1:http", "127.0.0.1:70000", "::1:9292", "[::1]"]
)
def test_an_address_that_is_none_is_an_error_that_says_so(bind):
    settings = ServerSettings.from_config(config.load(), bind)
    with pytest.raises(ConfigError, match="HOST:PORT is expected"):
        _ = settings.address


def test_settings_come_from_the_configuration():
    values = config.load(environ={"GLANCELITE_SERVER_THREADS": "7", "GLANCELITE_SERVER_SEND_TIMEOUT": "1.5"})
    settings = ServerSettings.from_config(values, "[::1]:9292")
    assert (settings.threads, settings.send_timeout, settings.address) == (7, 1.5, ("::1", 9292))
    named = ServerSettings.from_config(config.load(overrides={("server", "bind"): "0.0.0.0:1"}), "[::1]:9292")
    assert named.address == ("0.0.0.0", 1)


def test_a_paste_ini_with_a_wrong_option_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match=r"thread: there is no such option\. Did you mean threads\?"):
        server_factory({}, thread="4")
    with pytest.raises(ConfigError, match="a whole number is expected"):
        server_factory({}, workers="many")


def test_a_paste_ini_starts_the_server(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from echo import application;"
        "from glancelite.server import server_factory;"
        "server_factory({}, host='127.0.0.1', port=sys.argv[2], workers='1', threads='4')(application)"
    )
    arguments = [sys.executable, "-c", program, str(Path(__file__).parent), port]
    with (tmp_path / "stderr").open("wb") as err:
        process = subprocess.Popen(arguments, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=err)

    def answered():
        try:
            with socket.create_connection(("127.0.0.1", int(port))) as sock:
                sock.sendall(b"GET /small HTTP/1.0\r\n\r\n")
                return sock.recv(100).startswith(b"HTTP/1.0 200 OK")
        except ConnectionRefusedError:
            return False

    wait_for(answered)
    process.terminate()
    assert process.wait(5) == 0
    assert (tmp_path / "stderr").read_text() == ""


def test_a_start_that_fails_stops_the_server(start, monkeypatch):
    monkeypatch.setenv("ECHO_FAIL_START", "1")
    target = start()
    assert target.process.wait(5) == 3
    assert "the app does not start" in target.stderr.read_text()
