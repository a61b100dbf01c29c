"""`glancelite server run --dev` is a service to throw away."""

import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from harness import Api, command, environment, free_port


@pytest.fixture
def started(tmp_path: Path) -> tuple["subprocess.Popen[str]", str]:
    port = free_port()
    environ = environment({"TMPDIR": str(tmp_path), "HOME": str(tmp_path / "home")})
    words = command("server", "run", "--dev", "--auth", "trusted", "--bind", f"127.0.0.1:{port}")
    process = subprocess.Popen(words, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return process, f"http://127.0.0.1:{port}"


def test_what_is_tried_out_leaves_nothing_behind(started: tuple["subprocess.Popen[str]", str], tmp_path: Path) -> None:
    process, url = started
    said = ""
    try:
        deadline = time.monotonic() + 60
        while f"glancelite at {url}" not in said:
            assert time.monotonic() < deadline
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, said
            said += line
        Api(url).create_with(b"x" * 1000)
        (place,) = tmp_path.glob("glancelite-dev-*")
        assert (place / "glancelite.sqlite").exists()
        assert any((place / "images").iterdir())
        assert len(_children(process.pid)) == 1
    finally:
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said + rest
    assert re.search(r"^\S+ \S+ DEBUG ", said + rest, re.M)
    assert list(tmp_path.glob("glancelite-dev-*")) == []
    assert not (tmp_path / "home").exists()


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
