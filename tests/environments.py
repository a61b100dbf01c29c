"""Environments of other people's programs for tests, each made once however many processes ask for it."""

import fcntl
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

CACHE = Path(__file__).parents[1] / ".cache"


def environment_of(folder: Path, *packages: str, finish: Callable[[Path], None] = lambda folder: None) -> Path:
    """The bin folder of a virtual environment with these packages; made once, and again when the list changes.

    Whoever comes while another process makes it waits for that one.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp, wanted = folder / "complete", "\n".join(packages)
        if not stamp.exists() or stamp.read_text() != wanted:
            venv.create(folder, clear=True)
            # Compiling all that comes along takes most of the time; what is used is compiled when it is.
            pip = [sys.executable, "-m", "pip", "--python", folder / "bin/python", "install", "--quiet", "--no-compile"]
            subprocess.run([*pip, *packages], check=True)
            finish(folder)
            stamp.write_text(wanted)
    return folder / "bin"
