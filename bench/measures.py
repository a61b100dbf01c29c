"""One function a measurement: seconds, or bytes."""

import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

START_SECONDS = 30
BLOCK = 1 << 20
SETTLE_SECONDS = 2


@dataclass(frozen=True)
class Server:
    """A service that runs: its port, its master's pid."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def command(*arguments: str) -> list[str]:
    """The installed command line, as words."""
    return [str(Path(sys.executable).with_name("glancelite")), *arguments]


def run(words: list[str]) -> float:
    """Seconds that a command takes."""
    start = time.perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env=_environment())
    return time.perf_counter() - start


@contextmanager
def serve(place: Path) -> Iterator[Server]:
    """A service with its data below `place`, which answers."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    words = command("server", "run", "--data-dir", str(place / "data"), "--bind", f"127.0.0.1:{port}")
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, env=_environment())
    try:
        _wait_for_answer(port, process)
        yield Server(port, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(START_SECONDS)


def _wait_for_answer(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            _request(port, "GET", "/v2/images")
            return
        except ConnectionError:
            time.sleep(0.005)
    raise RuntimeError("the service did not start")


def measure_start(place: Path) -> float:
    """Seconds from starting `glancelite server run` to its first answered request."""
    start = time.perf_counter()
    with serve(place):
        return time.perf_counter() - start


def measure_memory(pid: int) -> int:
    """Bytes of memory (PSS) that a master and its workers use at rest."""
    time.sleep(SETTLE_SECONDS)
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return sum(map(_pss, [pid, *children]))


def _pss(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def measure_upload(url: str, data: Path) -> float:
    """Seconds to upload this file to a new image, over loopback, until it is answered."""
    port = int(url.rpartition(":")[2])
    body = json.dumps({"disk_format": "raw", "container_format": "bare"}).encode()
    image = json.loads(_request(port, "POST", "/v2/images", body, {"Content-Type": "application/json"}))
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(data.stat().st_size)}
    start = time.perf_counter()
    with data.open("rb") as file:
        _request(port, "PUT", image["file"], file, headers)
    seconds = time.perf_counter() - start
    _request(port, "DELETE", image["self"])
    return seconds


def measure_hashes(data: Path) -> float:
    """Seconds to take md5 and sha512 of the same bytes, one after the other, in one thread."""
    start = time.perf_counter()
    for name in ("md5", "sha512"):
        with data.open("rb") as file:
            hashlib.file_digest(file, name)
    return time.perf_counter() - start


def _request(
    port: int, method: str, path: str, body: bytes | IO[bytes] | None = None, headers: dict[str, str] | None = None
) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120, blocksize=BLOCK)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        document = answer.read()
    finally:
        connection.close()
    if answer.status >= 300:
        raise RuntimeError(f"{method} {path}: {answer.status} {document.decode()}")
    return document


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("GLANCELITE_", "OS_"))}
