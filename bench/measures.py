"""What a shell sees: how long a command takes, and how long a service takes to answer after its start."""

import http.client
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.processes import clean_environment, free_port

START_SECONDS = 30


def command(*arguments: str) -> list[str]:
    """The installed command line, as words."""
    return [str(Path(sys.executable).with_name("glancelite")), *arguments]


def run(words: list[str]) -> float:
    """Seconds that a command takes."""
    start = time.perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env=clean_environment())
    return time.perf_counter() - start


def measure_start(place: Path) -> float:
    """Seconds from starting `glancelite server run` to its first answered request."""
    start = time.perf_counter()
    with serve(place):
        return time.perf_counter() - start


@contextmanager
def serve(place: Path) -> Iterator[int]:
    """A service that needs no names, with its data below `place`; its port, once it answers."""
    port = free_port()
    words = command("server", "run", "--data-dir", str(place / "data"), "--bind", f"127.0.0.1:{port}")
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, env=clean_environment())
    try:
        _wait_for_answer(port, process)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(START_SECONDS)


def _wait_for_answer(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
        try:
            connection.request("GET", "/v2/images")
            if connection.getresponse().status == 200:
                return
        except ConnectionError:
            time.sleep(0.005)
        finally:
            connection.close()
    raise RuntimeError("the service did not start")
