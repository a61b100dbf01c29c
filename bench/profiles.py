"""Where the time of a request goes, `make bench-profiles`: py-spy looks at the shipped service while it does one thing.

Prints a table in Markdown: of the time that the service's threads were busy, the share of each part of it, and the
functions that were most often the innermost. A part's share includes what it calls in libraries that are no part here.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from bench.filling import fill
from bench.place import new_place
from bench.rows_metadata import FIELDS
from bench.suite import Suite
from bench.target import POSTGRESQL, SHIPPED, Target

PY_SPY = Path(sys.executable).with_name("py-spy")
RATE = 250
SECONDS = 8
SHOWN = 4
PARTS: dict[str, tuple[str, ...]] = {
    "hashes": ("glancelite/usecases/hashes.py",),
    "inspection": ("glancelite/formats/", "oslo_utils/"),
    "store": ("glancelite/stores/",),
    "registry": ("glancelite/registry/", "peewee.py", "playhouse/"),
    "API": ("glancelite/api/", "glancelite/usecases/", "glancelite/domain/"),
    "Flask": ("glancelite/api/flaskapp.py", "flask/", "werkzeug/"),
    "pipeline": ("glancelite/middleware/", "webob/", "paste/"),
    "server": ("glancelite/server/", "gunicorn/"),
}
"""Parts and the files that are theirs. A moment belongs to the part of the innermost function that is in one."""
WAITS = ("EpollSelector.select", "Condition.wait", "_worker")
"""Innermost functions in which a thread waits, although it looks busy."""
Work = Callable[[Target, threading.Event], None]


def _show(target: Target, ended: threading.Event) -> None:
    client = target.client()
    path = f"/v2/images/{client.create(name='shown', **FIELDS)['id']}"
    while not ended.is_set():
        client.request("GET", path)


def _create(target: Target, ended: threading.Event) -> None:
    client = target.client()
    while not ended.is_set():
        client.create(name="created", **FIELDS)


def _patch(target: Target, ended: threading.Event) -> None:
    client, number = target.client(), 0
    image_id = client.create(name="patched", **FIELDS)["id"]
    while not ended.is_set():
        number += 1
        client.patch(image_id, [{"op": "replace", "path": "/bench_a", "value": f"n{number}"}])


def _list(target: Target, ended: threading.Event) -> None:
    client = target.client()
    while not ended.is_set():
        client.request("GET", "/v2/images?limit=100")


def _filter(target: Target, ended: threading.Event) -> None:
    client = target.client()
    while not ended.is_set():
        client.request("GET", "/v2/images?limit=25&bench_model=none")


def _upload(file: Path) -> Work:
    def work(target: Target, ended: threading.Event) -> None:
        client = target.client()
        while not ended.is_set():
            image_id = client.create(name="uploaded")["id"]
            client.upload(image_id, file)
            client.delete(image_id)

    return work


def _download(file: Path, last: int | None = None) -> Work:
    def work(target: Target, ended: threading.Event) -> None:
        client = target.client()
        image = client.create(name="downloaded")
        client.upload(image["id"], file)
        while not ended.is_set():
            client.download(image["file"], *((0, last) if last else ()))

    return work


def works(suite: Suite) -> dict[str, Work]:
    """What is done, by its name in the table."""
    return {
        "show": _show,
        "create": _create,
        "change a property": _patch,
        "a page of 100 of 10,000": _list,
        "a filter that matches nothing": _filter,
        "create, upload 64 KiB, delete": _upload(_small(suite)),
        "create, upload 256 MiB, delete": _upload(suite.data(256)),
        "download 256 MiB": _download(suite.data(256)),
        "ranges of 1 MiB": _download(suite.data(256), (1 << 20) - 1),
    }


def _small(suite: Suite) -> Path:
    file = suite.place / "files" / "64K.raw"
    file.write_bytes(suite.data(1).read_bytes()[: 64 << 10])
    return file


def main(words: list[str]) -> int:
    """Look at each work in turn; the table is printed."""
    parser = argparse.ArgumentParser("python -m bench.profiles", description=__doc__)
    parser.add_argument("--on", choices=(SHIPPED, POSTGRESQL), default=SHIPPED, help="the deployment")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="for each work")
    options = parser.parse_args(words)
    with ExitStack() as stack:
        suite = Suite(stack, new_place(stack))
        target = suite.target(options.on)
        fill(target, 10_000)
        print("| work | " + " | ".join(PARTS) + " | most often innermost |\n|" + "---|" * (len(PARTS) + 2))
        for name, work in works(suite).items():
            print(_row(name, _stacks(target, work, options.seconds)), flush=True)
    return 0


def _stacks(target: Target, work: Work, seconds: int) -> Counter[tuple[str, ...]]:
    """How often each stack of functions was seen in the service while it did this."""
    ended = threading.Event()
    load = threading.Thread(target=work, args=(target, ended))
    load.start()
    try:
        return _record(target.service_roots[0], seconds)
    finally:
        ended.set()
        load.join()


def _record(pid: int, seconds: int) -> Counter[tuple[str, ...]]:
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "stacks"
        words = [PY_SPY, "record", "--pid", str(pid), "--subprocesses"]
        words += ["--rate", str(RATE), "--duration", str(seconds)]
        subprocess.run([*words, "--format", "raw", "--output", found], check=True, capture_output=True)
        return Counter(dict(_parse(found.read_text())))


def _parse(text: str) -> Iterator[tuple[tuple[str, ...], int]]:
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        functions = tuple(stack.split(";"))
        if not functions[-1].startswith(WAITS):
            yield functions, int(count)


def _row(name: str, stacks: Counter[tuple[str, ...]]) -> str:
    parts, innermost = Counter[str](), Counter[str]()
    for stack, count in stacks.items():
        parts[_part(stack)] += count
        innermost[_name(stack[-1])] += count
    whole = max(stacks.total(), 1)
    shares = [f"{100 * parts[part] / whole:.0f} %" if parts[part] else "" for part in PARTS]
    top = ", ".join(f"`{one}` {100 * count / whole:.0f} %" for one, count in innermost.most_common(SHOWN))
    return f"| {name} | {' | '.join(shares)} | {top} |"


def _part(stack: tuple[str, ...]) -> str:
    for frame in reversed(stack):
        for part, files in PARTS.items():
            if any(file in frame for file in files):
                return part
    return "server"


def _name(frame: str) -> str:
    """`function (file:line)` without its line."""
    return frame.rpartition(":")[0].replace(" (", " in ").removesuffix(")")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
