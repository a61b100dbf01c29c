"""What the tests of the operator's commands share: running one as a user of this host does."""

import os
import subprocess
from pathlib import Path

from harness import command


def run(*args: str | Path, cwd: Path | None = None, **env: str) -> "subprocess.CompletedProcess[str]":
    """A command in a bare environment plus `env`."""
    environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **env}
    words = command(*map(str, args))
    return subprocess.run(words, env=environ, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
