"""Servers as processes: started with a clean environment, waited for, and ended with all that they started."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

START_SECONDS = 60
STOP_SECONDS = 60


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def clean_environment(options: Mapping[str, str] | None = None) -> dict[str, str]:
    """This environment without settings of services and databases, plus `options`."""
    named = ("GLANCELITE_", "OS_", "PG", "UWSGI_", "PYTHON", "VIRTUAL_ENV")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(named)}
    return clean | {"LC_ALL": "C.UTF-8"} | dict(options or {})


def run(words: Sequence[str | Path], options: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    """A command that must succeed; what it printed."""
    done = subprocess.run(
        [str(word) for word in words], env=clean_environment(options), cwd=cwd, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{words[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


@contextmanager
def serving(
    words: Sequence[str | Path],
    log: Path,
    is_ready: Callable[[], object],
    options: Mapping[str, str] | None = None,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[int]:
    """A server in the foreground of its own session, until the block ends; its pid. `is_ready` raises until it is."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(word) for word in words],
            env=clean_environment(options), cwd=log.parent, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
    try:
        _wait_until(is_ready, process, log)
        yield process.pid
    finally:
        process.send_signal(stop)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_until(is_ready: Callable[[], object], process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} did not start:\n{log.read_text()[-4000:]}")
        try:
            is_ready()
            return
        except Exception as error:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{process.args!r} does not answer ({error}):\n{log.read_text()[-4000:]}") from error
            time.sleep(0.05)
