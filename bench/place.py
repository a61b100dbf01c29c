"""Where a run keeps what it makes."""

import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path


def new_place(stack: ExitStack) -> Path:
    """A directory that ends with the run, also a terminated one; the database server's user may pass through it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    directory = tempfile.TemporaryDirectory(prefix="glancelite-bench-", ignore_cleanup_errors=True)
    place = Path(stack.enter_context(directory))
    place.chmod(0o755)
    (place / "files").mkdir()
    return place
