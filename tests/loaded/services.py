"""Daemons of ours, started in a moment: forked from a process that has loaded what they load."""

import atexit
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

SCRIPT = Path(__file__).with_name("many_services.py")


class Seed:
    """The process that they are forked from, which tells how each of them ended."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        words = [sys.executable, SCRIPT, str(theirs.fileno())]
        env = os.environ | {"PYTHONWARNINGS": "default"}
        self._process = subprocess.Popen(words, env=env, pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL)
        theirs.close()
        self._codes: dict[int, int] = {}
        self._lock = threading.RLock()

    def end(self) -> None:
        self._control.close()
        self._process.wait(60)

    def start(self, words: Sequence[str], environ: Mapping[str, str], out: IO[bytes], err: IO[bytes]) -> "Forked":
        """Run Python with these words: `-m glancelite.cli …`, or a script and its words."""
        order = {"words": words, "environ": dict(environ), "folder": str(Path.cwd())}
        with self._lock:
            socket.send_fds(self._control, [json.dumps(order).encode()], [out.fileno(), err.fileno()])
            while True:
                told = self._hear()
                if "code" not in told:
                    return Forked(self, told["pid"])

    def run(self, words: Sequence[str], environ: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
        """Start it and wait for its end; what it printed."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            code = self.start(words, environ, out, err).wait(60)
            for file in (out, err):
                file.seek(0)
            return subprocess.CompletedProcess(list(words), code, out.read().decode(), err.read().decode())

    def code(self, pid: int) -> int | None:
        """The exit code of one of them; None while it runs."""
        with self._lock:
            while select.select([self._control], [], [], 0)[0]:
                self._hear()
            return self._codes.get(pid)

    def _hear(self) -> dict[str, Any]:
        message = self._control.recv(1 << 16)
        assert message, "what services are forked from is gone"
        told: dict[str, Any] = json.loads(message)
        if "code" in told:
            self._codes[told["pid"]] = told["code"]
        else:
            self._codes.pop(told["pid"], None)  # an older process had the number
        return told


class Forked:
    """A process as subprocess.Popen would show it."""

    def __init__(self, seed: Seed, pid: int) -> None:
        self.pid, self._seed = pid, seed
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._seed.code(self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() >= deadline:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            time.sleep(0.005)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@functools.cache
def seed() -> Seed:
    """This process's own."""
    made = Seed()
    atexit.register(made.end)
    return made
