"""Runs a program that is not trusted with what it reads: under limits, in a session of its own, watched, and ended with
everything it started, however the watching ends."""

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError

LAUNCHER = Path(__file__).with_name("launch.py")
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LC_ALL": "C",
    "MALLOC_ARENA_MAX": "1",  # else each thread takes 64 MB of address space, and a limit on it means little
}
_KEPT = 64 << 10
"""Bytes kept of each output: a program that is made to talk does not fill our memory."""
_PAUSE = 0.25


@dataclass(frozen=True)
class Limits:
    """What a program may use: bytes of address space, seconds of processor time, bytes of a file it writes."""

    memory: int
    cpu_seconds: int
    file_size: int


@dataclass(frozen=True)
class Ended:
    """How a program ended: its exit code, negative for a signal, and the last it said on each of its outputs."""

    code: int
    output: bytes
    complaint: str


def find_python() -> str:
    """An interpreter for the launcher. A server that has Python within names itself where its name should be."""
    places = (sys.executable, f"{sys.prefix}/bin/python3", f"{sys.base_prefix}/bin/python3", shutil.which("python3"))
    for place in places:
        if place and Path(place).name.startswith("python") and os.access(place, os.X_OK):
            return place
    raise ConfigError(reason="Programs are started by way of a Python interpreter, but there is no python3 in PATH.")


def run_limited(
    python: str, command: Sequence[str], limits: Limits, watch: Callable[[bytes], None] = lambda output: None
) -> Ended:
    """Run a command, named by its path, and tell how it ended. `watch` is called four times a second and more, with the
    last of its output; what it raises ends the command. OSError when it cannot be started, or somebody else buries it.
    """
    bounds = (os.getpid(), limits.memory, limits.cpu_seconds, limits.file_size)
    process = subprocess.Popen(  # noqa: S603 - no shell, and every word is ours
        [python, "-I", "-S", str(LAUNCHER), *map(str, bounds), *command],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
        env=ENVIRONMENT, cwd="/", start_new_session=True,
    )  # fmt: skip
    try:
        output, complaint = _follow(process, watch)
    finally:
        _end(process)
    return Ended(process.returncode, output, complaint.decode("ascii", "replace"))


def _follow(process: subprocess.Popen[bytes], watch: Callable[[bytes], None]) -> tuple[bytes, bytes]:
    """Read both outputs until the program has ended, whoever else may still hold them open."""
    assert process.stdout is not None  # noqa: S101 - for mypy
    assert process.stderr is not None  # noqa: S101
    output, complaint = process.stdout.fileno(), process.stderr.fileno()
    kept = {output: b"", complaint: b""}
    with selectors.DefaultSelector() as selector:
        for number in kept:
            selector.register(number, selectors.EVENT_READ)
        while True:
            has_ended = _has_ended(process)
            for key, _ in selector.select(0 if has_ended else _PAUSE if selector.get_map() else 0.01):
                block = os.read(key.fd, _KEPT)
                kept[key.fd] = (kept[key.fd] + block)[-_KEPT:]
                if not block:
                    selector.unregister(key.fd)
            if has_ended:  # a pipe holds no more than what was read just now
                return kept[output], kept[complaint]
            watch(kept[output])


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Has it ended? It stays unburied, so that its number is nobody else's while its group is ended."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
