"""Programs of which most of a run is loading: loaded once, in a process that is forked for each command."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Done:
    """What a finished command left behind."""

    code: int
    data: bytes
    err: str

    @property
    def out(self) -> str:
        return self.data.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.data)


Run = Callable[..., Done]

_PEERS = {
    "openstack": ("openstackclient.shell", "many_openstack.py"),
    "glance": ("glanceclient.shell", "many_glance.py"),
}
"""Commands of others: the module that each is, and what serves it."""


@contextmanager
def peers() -> Iterator[Callable[[Path], Run | None]]:
    """Tells by the path of a command how to run it, loaded on its first run; None for one that is not known here."""
    with ExitStack() as stack:
        running: dict[Path, Run] = {}

        def find(path: Path) -> Run | None:
            if path.name in _PEERS and path not in running:
                running[path] = stack.enter_context(loaded(path.with_name("python"), *_PEERS[path.name]))
            return running.get(path)

        yield find


@contextmanager
def loaded(python: Path, program: str, script: str) -> Iterator[Run]:
    """A program that is loaded once, in a process that is forked for each command: most of a command is loading."""
    words, is_free = [python, Path(__file__).with_name(script)], threading.Lock()
    bare = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(words, env=bare, text=True, start_new_session=True, **pipes) as process:
        assert process.stdin and process.stdout

        def run(words: list[str], environ: Mapping[str, str | None], folder: Path) -> Done:
            given = {name: value for name, value in environ.items() if value is not None}
            if not is_free.acquire(blocking=False):  # a command that runs while another does
                return run_alone([python, "-m", program, *words], given, folder, None)
            try:
                process.stdin.write(json.dumps({"words": words, "environ": given, "folder": str(folder)}) + "\n")
                process.stdin.flush()
                answer = json.loads(process.stdout.readline())
            except BaseException:  # a command that nobody waits for any more: those that come run alone
                os.killpg(process.pid, signal.SIGKILL)
                raise
            is_free.release()
            out, err = (answer[name].encode("latin-1") for name in ("out", "err"))
            return Done(answer["code"], out, err.decode())

        yield run
        with suppress(BrokenPipeError):
            process.stdin.close()


def run_alone(words: Sequence[str | Path], environ: dict[str, str], cwd: Path, stdin: Any) -> Done:
    """A command in a process of its own; `stdin` is bytes for a pipe, an open file, or nothing."""
    given = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin or subprocess.DEVNULL}
    done = subprocess.run(words, env=environ, cwd=cwd, capture_output=True, timeout=300, check=False, **given)
    return Done(done.returncode, done.stdout, done.stderr.decode())
