"""The glancelite command with one fault ahead of it: `launcher.py FILE server run …`.

FILE says what is to happen where: `ACTION STEP`, or `ACTION STEP@STORE` for what is about one store, and perhaps keys
of blobs that are spared. It may be written at any time; the first process that comes to the step, with a blob that is
not spared, takes it away and

    kill    ends its process group as `kill -9` does: the master and all its workers
    die     ends itself alone in that way: one worker
    stop    stops itself as `kill -STOP` does, and goes on when it is told to
    fail    raises EIO
    block   waits until FILE.go is there
    hold    does that too, but leaves FILE for whoever comes next

The product knows nothing of this: the functions at the steps are replaced from outside.
"""

import errno
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

from glancelite.domain.image import Location
from glancelite.domain.ports import Intent
from glancelite.registry.local import LocalRegistry
from glancelite.registry.remote import RemoteRegistry
from glancelite.stores.file import FileStore
from glancelite.stores.http import HttpStore

FAULT: Path
QUIET = threading.RLock()
Function = Callable[..., Any]


def reach(step: str, *about: Any) -> None:
    """The process has come to this step, `about` these things: a key, a store, an intent."""
    try:
        action, where, *spared = FAULT.read_text().split()
    except FileNotFoundError:
        return
    if where not in (step, f"{step}@{_store_of(about)}") or any(
        thing in spared for thing in about if isinstance(thing, str)
    ):
        return
    if action == "hold":
        Path(f"{FAULT}.reached").touch()
        _block()
        return
    try:
        os.rename(FAULT, f"{FAULT}.reached")  # noqa: PTH104 - Path.rename is a step itself
    except FileNotFoundError:
        return  # another thread or process was here first
    ACTIONS[action]()


def _store_of(about: Iterable[Any]) -> str | None:
    return next((one.id if isinstance(one, FileStore) else one.store for one in about if _has_store(one)), None)


def _has_store(thing: Any) -> bool:
    return isinstance(thing, (FileStore, Intent, Location))


def _stop() -> None:
    with QUIET:  # a process that sleeps within a transaction would hold the database up, as nothing of ours would
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)  # this thread at once, with it all


def _fail() -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def _block() -> None:
    go = Path(f"{FAULT}.go")
    while not go.exists():
        time.sleep(0.01)


ACTIONS: dict[str, Callable[[], None]] = {
    "kill": lambda: os.killpg(os.getpgrp(), signal.SIGKILL),
    "die": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "stop": _stop,
    "fail": _fail,
    "block": _block,
}


def put_steps(owner: Any, name: str, before: str | None = None, after: str | None = None) -> None:
    """Make steps of a function's beginning and end."""
    inner: Function = getattr(owner, name)

    @wraps(inner)
    def outer(*args: Any, **kwargs: Any) -> Any:
        if before is not None:
            reach(before, *args, *kwargs.values())
        result = inner(*args, **kwargs)
        if after is not None:
            reach(after, *args, *kwargs.values())
        return result

    setattr(owner, name, outer)


def put_fsync_step() -> None:
    """Of all files that are synced, only an upload's is of interest."""
    inner = os.fsync

    def fsync(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().suffix == ".part":
            reach("before-fsync")
        inner(descriptor)

    os.fsync = fsync  # type: ignore[assignment]


def put_halfway_step() -> None:
    """Half-way: the first block is written, the second about to be."""
    inner = FileStore._write

    def write(self: FileStore, part: Path, blocks: Iterable[bytes]) -> None:
        def watched() -> Iterator[bytes]:
            for number, block in enumerate(blocks):
                if number == 1:
                    reach("half-way", self)
                yield block

        inner(self, part, watched())

    FileStore._write = write  # type: ignore[method-assign]


def put_quiet() -> None:
    """Let one thread at a time be in a transaction."""
    inner = LocalRegistry._transaction

    @contextmanager
    def transaction(self: LocalRegistry) -> Iterator[None]:
        with QUIET, inner(self):
            yield

    LocalRegistry._transaction = transaction  # type: ignore[method-assign]


def put_claim_step() -> None:
    """After a task was claimed, which most claims find none to do."""
    for registry in (LocalRegistry, RemoteRegistry):
        inner = registry.claim_task

        def claim(*args: Any, inner: Function = inner, **kwargs: Any) -> Any:
            task = inner(*args, **kwargs)
            if task is not None:
                reach("after-claim")
            return task

        registry.claim_task = claim  # type: ignore[method-assign]


def put_import_steps() -> None:
    """Of staging and of imports; what they have in common with an upload is there."""
    for registry in (LocalRegistry, RemoteRegistry):
        put_steps(registry, "park_blob", before="before-park", after="after-park")
        put_steps(registry, "begin_import", before="before-begin-import", after="after-begin-import")
        put_steps(registry, "commit_copy", before="before-copy", after="after-copy")
        put_steps(registry, "finish_task", before="before-finish", after="after-finish")
        put_steps(registry, "report_task", before="before-report")
        put_steps(registry, "update_image", before="before-update")
    put_claim_step()
    put_steps(HttpStore, "size_url", after="after-size")
    put_steps(LocalRegistry, "_drop_staged", after="within-park")
    put_steps(LocalRegistry, "_insert_task", after="within-begin-import")
    put_steps(LocalRegistry, "_end_task", after="within-finish")


def put_all_steps() -> None:
    """Of an upload and of a delete, in the order in which they are reached."""
    put_import_steps()
    for registry in (LocalRegistry, RemoteRegistry):
        put_steps(registry, "begin_blob", before="before-begin", after="after-begin")
        put_steps(registry, "commit_blob", before="before-commit", after="after-commit")
        put_steps(registry, "abort_blob", before="before-abort", after="after-abort")
        put_steps(registry, "delete_image", before="before-delete", after="after-delete")
    put_steps(LocalRegistry, "_insert_location", after="within-commit")
    put_steps(LocalRegistry, "_let_go", after="within-delete")
    put_quiet()
    put_halfway_step()
    put_steps(FileStore, "_write", before="before-first-byte")
    put_fsync_step()
    put_steps(FileStore, "_give_name", before="before-rename", after="before-directory-fsync")  # an unlink syncs it too
    put_steps(FileStore, "delete", before="before-unlink", after="after-unlink")
    for registry in (LocalRegistry, RemoteRegistry):
        put_steps(registry, "record_unlink", after="between-unlinks")


if __name__ == "__main__":
    FAULT = Path(sys.argv.pop(1))
    put_all_steps()
    from glancelite.cli import main

    main()
