"""`glancelite registry` says whether the registry answers."""

import json
import os
import socket
import subprocess
from pathlib import Path

from harness import command


def run(*args: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **env}
    return subprocess.run(
        command(*map(str, args)), env=environ, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_registry_that_is_there_answers_and_shows_its_schema(tmp_path: Path) -> None:
    assert run("db", "upgrade", "--data-dir", tmp_path).returncode == 0
    ping = run("registry", "ping", "--data-dir", tmp_path)
    assert (ping.returncode, ping.stdout.endswith("up to date\n")) == (0, True)
    shown = json.loads(run("registry", "show", "--data-dir", tmp_path, "-f", "json").stdout)
    assert (shown["location"], shown["is_current"]) == ("local", True)
    assert shown["schema"] == run("db", "version", "--data-dir", tmp_path).stdout.strip()


def test_a_registry_that_is_stopped_is_an_error(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    done = run("registry", "ping", "--data-dir", tmp_path, GLANCELITE_REGISTRY_LOCATION=url)
    assert (done.returncode, done.stdout, done.stderr[:7]) == (1, "", "Error: ")
