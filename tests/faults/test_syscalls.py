"""What the kernel is asked for while an upload is taken in: everything is on disk before the client hears of it."""

import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from databases import KIND
from faults.rig import BLOCK, Rig, eventually

CALLS = "write,pwrite64,fsync,fdatasync,rename,unlink,sendto,sendmsg,sendfile"


@contextmanager
def recorded(rig: Rig, file: Path) -> Iterator[None]:
    """The system calls of all of the service's processes, in order, with the paths of their descriptors."""
    assert rig.service.api.process is not None
    master = rig.service.api.process.pid
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    words = ["strace", "-f", "-y", "-s", "8192", "-e", f"trace={CALLS}", "-o", str(file)]
    tracer = subprocess.Popen([*words, *(word for pid in children for word in ("-p", pid))], stderr=subprocess.PIPE)
    try:
        eventually(lambda: all(is_traced(pid) for pid in children), what="strace at work")
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=10)


def is_traced(pid: str) -> bool:
    """Do all threads have a tracer?"""
    return all("TracerPid:\t0\n" not in (task / "status").read_text() for task in Path(f"/proc/{pid}/task").iterdir())


@pytest.mark.needs("strace")
@pytest.mark.parametrize("size", [1000, 2 * BLOCK + 1])
def test_file_rename_directory_and_commit_are_on_disk_before_the_204(
    start_rig: Callable[..., Rig], tmp_path: Path, size: int
) -> None:
    rig = start_rig(REGISTRY_LEASE_SECONDS="30")
    image = rig.api.create()
    record = tmp_path / "strace"

    with recorded(rig, record):
        assert rig.api.upload(image["id"], bytes(size)).status == 204
        eventually(lambda: "HTTP/1.1 204" in record.read_text(), what="the answer in the record")

    (key,) = rig.live_keys()
    images, database = re.escape(str(rig.directory)), re.escape(str(rig.service.data_dir / "glancelite.sqlite"))
    steps = {
        "the last byte": rf"write\(\d+<{images}/{key}\.part>",
        "fsync of the file": rf"fsync\(\d+<{images}/{key}\.part>\) += 0",
        "rename": rf'rename\("{images}/{key}\.part", "{images}/{key}"\) += 0',
        "fsync of the directory": rf"fsync\(\d+<{images}>\) += 0",
        "the commit": rf"f(data)?sync\(\d+<{database}-wal>\) += 0" if KIND == "sqlite" else r"sendto\(.*COMMIT",
        "the answer": r'sendto\(.*"HTTP/1.1 204',
    }
    at = {name: [number for number, line in enumerate(whole_calls(record)) if re.search(step, line)]
          for name, step in steps.items()}  # fmt: skip
    assert all(at.values()), at
    # Commits are many (SQLite syncs, a server is told): of interest is that one is between the bytes and the answer.
    order = [max(at[name]) for name in steps if name != "the commit"]
    assert order == sorted(order), at
    *_, synced, answered = order
    assert [number for number in at["the commit"] if synced < number < answered], at
    assert len(at["fsync of the file"]) == 1


def whole_calls(record: Path) -> list[str]:
    """Calls in the order in which they ended; what strace has split for another thread's sake is one again."""
    begun: dict[str, str] = {}
    calls = []
    for line in record.read_text().splitlines():
        thread, _, call = line.partition(" ")
        call = call.strip()
        if call.endswith("<unfinished ...>"):
            begun[thread] = call.removesuffix("<unfinished ...>").rstrip()
        elif found := re.match(r"<\.\.\. \w+ resumed>(.*)", call):
            calls.append(begun.pop(thread) + found[1])
        else:
            calls.append(call)
    return calls
