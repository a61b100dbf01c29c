"""Servers to talk to over raw sockets: `target` (all that ship), `echo` and `start` (the echo app, with options)."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from harness import Api, free_port, make_service

ECHO = Path(__file__).with_name("echo.py")
ROOT = ECHO.parents[2]
STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3}) [A-Z]")


@dataclass
class Answers:
    """What a client got to see on one connection."""

    data: bytes
    closed: bool

    @property
    def statuses(self) -> list[int]:
        return [int(status) for status in STATUS_LINE.findall(self.data)]

    @property
    def body(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[2]

    @property
    def head(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[0]


@dataclass
class Target:
    """A running server; the paths are what the shared tests need of its app."""

    address: tuple[str, int]
    process: subprocess.Popen
    small_path: str = "/small"
    """A GET that answers 200."""
    body_path: str = "/echo"
    body_method: str = "PUT"
    """Something that reads its body."""
    big_path: str = "/big"
    """A GET whose answer does not fit into the sockets' buffers."""
    stdout: Path = field(default_factory=Path)
    stderr: Path = field(default_factory=Path)

    def connect(self, receive_buffer: int = 0) -> socket.socket:
        sock = socket.socket(socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(10)
        try:
            sock.connect(self.address)
        except OSError:
            sock.close()
            raise
        return sock

    def fill(self, template: bytes) -> bytes:
        """A request with this server's own paths in it."""
        words = {b"{small}": self.small_path, b"{body}": self.body_path, b"{method}": self.body_method}
        for word, value in words.items():
            template = template.replace(word, value.encode())
        return template

    def listen_to(self, sock: socket.socket, patience: float = 5.0) -> Answers:
        """Everything the server says until it closes the connection, or for as long as we are patient."""
        data, end = bytearray(), time.monotonic() + patience
        while (left := end - time.monotonic()) > 0:
            sock.settimeout(left)
            try:
                block = sock.recv(1 << 16)
            except TimeoutError:
                break
            except ConnectionError:
                block = b""
            if not block:
                return Answers(bytes(data), True)
            data += block
        return Answers(bytes(data), False)

    def ask(self, request: bytes, patience: float = 5.0, hang_up: bool = False) -> Answers:
        """Send bytes on a connection of their own and hear the server out."""
        with closing(self.connect()) as sock:
            sock.sendall(self.fill(request))
            if hang_up:
                sock.shutdown(socket.SHUT_WR)
            return self.listen_to(sock, patience)

    def get(self, path: str, *headers: str) -> Answers:
        lines = [f"GET {path} HTTP/1.1", "Host: x", "Connection: close", *headers]
        return self.ask("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(15)


def start_echo(folder: Path, host: str = "127.0.0.1", **options: object) -> Target:
    """The echo app, served in a process of its own with these options of section [server]."""
    port = free_port()
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    words = [f"{name}={value}" for name, value in options.items()]
    content = folder / "content"
    content.write_bytes(bytes(range(256)) * (64 << 12))
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "ECHO_FILE": str(content)}
    stdout, stderr = folder / f"stdout-{port}", folder / f"stderr-{port}"
    with stdout.open("wb") as out, stderr.open("wb") as err:
        process = subprocess.Popen([sys.executable, ECHO, bind, *words], stdout=out, stderr=err, env=environ)
    target = Target((host, port), process, stdout=stdout, stderr=stderr)
    wait_until(lambda: process.poll() is not None or b"ready" in stdout.read_bytes())
    return target


def wait_until(condition, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def start_shipped(folder: Path) -> Target:
    """The service as it ships: `glancelite server run`, with an image to download that no socket buffer holds."""
    service = make_service(folder / "data", auth="none").start()
    image = Api(service.url).create_with(os.urandom(64 << 20), name="big")
    daemon = service.api
    return Target(
        ("127.0.0.1", daemon.port),
        daemon.process,
        small_path="/versions",
        body_path="/v2/images",
        body_method="POST",
        big_path=image["file"],
        stdout=daemon.log,
        stderr=daemon.log,
    )


TARGETS = (start_echo, start_shipped)
"""Every server that ships: a function that takes a folder and gives a running Target."""


@pytest.fixture(scope="session", params=TARGETS, ids=lambda begin: begin.__name__)
def target(request, tmp_path_factory):
    running = request.param(tmp_path_factory.mktemp("target"))
    yield running
    assert running.stop() == 0
    assert "Traceback" not in running.stderr.read_text()


@pytest.fixture(scope="session")
def echo(tmp_path_factory):
    running = start_echo(tmp_path_factory.mktemp("echo"))
    yield running
    assert running.stop() == 0


@pytest.fixture
def start(tmp_path):
    """Start an echo server with options of its own; it ends with the test."""
    with ExitStack() as ends:

        def begin(**options: object) -> Target:
            running = start_echo(tmp_path, **options)
            ends.callback(lambda: running.process.poll() is None and running.process.kill())
            ends.callback(lambda: running.process.poll() is None and running.stop())
            return running

        yield begin
