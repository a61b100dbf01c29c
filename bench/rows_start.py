"""Rows about what comes before any request: the start, memory at rest and in an upload, and the command line."""

import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from bench.cpu import pss
from bench.lines import Line, Verdict
from bench.load import MIB
from bench.measures import command, measure_start, run, serve
from bench.suite import Suite
from bench.target import OURS, TITLES, NotMeasured, Target

TIMES = 5
_REST_SECONDS = 2


def start(suite: Suite) -> Iterator[Line]:
    """From the command to the first answer."""

    def one() -> float:
        with tempfile.TemporaryDirectory(dir=suite.place) as place:
            return measure_start(Path(place))

    yield _seconds("start", "`glancelite server run`, to its first answer", 1.0, one)


def command_line(suite: Suite) -> Iterator[Line]:
    """Two commands, as a shell sees them."""
    with tempfile.TemporaryDirectory(dir=suite.place) as place, serve(Path(place)) as port:
        url = f"http://127.0.0.1:{port}"
        listing = [*command("image", "list"), "--os-auth-type", "none", "--os-endpoint", url]
        yield _seconds("cli", "`glancelite image list`", 0.25, lambda: run(listing))
    yield _seconds("cli", "`glancelite --version`", 0.1, lambda: run(command("--version")))


def _seconds(row: str, title: str, bound: float, measure: Callable[[], float]) -> Line:
    """Medians of a command and of an empty Python, taken in turn."""
    pairs = [(measure(), run([sys.executable, "-c", "pass"])) for _ in range(TIMES)]
    value, empty = median(one for one, _ in pairs), median(one for _, one in pairs)
    verdict = Verdict(f"wall ≤ {bound:g} s", value, value <= bound)
    beside = (f"`python -c pass` {empty:.3f} s",)
    return Line(row, title, "this host", f"{value:.3f} s", "", beside, (verdict,))


def memory(suite: Suite) -> Iterator[Line]:
    """PSS of the service's processes at rest, per worker, and how much an upload adds."""
    size = suite.scaled(1024, 128)
    file = suite.data(size)
    for name in [one for one in OURS if one in suite.only]:
        try:
            target = suite.target(name)
        except NotMeasured as reason:
            yield Line("memory", "memory", TITLES[name], f"not measured: {reason}")
            continue
        roots = target.service_roots
        threading.Event().wait(_REST_SECONDS)
        rest = pss(roots)
        most = _most_in_upload(target, roots, file)
        share = rest / MIB
        yield Line(
            "memory", "memory at rest (PSS), for each worker", TITLES[name], f"{share:.1f} MiB", "", (),
            (Verdict("≤ 80 MiB", share, share <= 80),),
        )  # fmt: skip
        added = (most - rest) / MIB
        yield Line(
            "memory", f"memory that an upload of {size} MiB adds", TITLES[name], f"{added:.1f} MiB", "", (),
            (Verdict("≤ 16 MiB", added, added <= 16),),
        )  # fmt: skip


def _most_in_upload(target: Target, roots: tuple[int, ...], file: Path) -> int:
    most, ended = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not ended.wait(0.05):
            most = max(most, pss(roots))

    client = target.client()
    image_id = client.create()["id"]
    os.sync()
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        client.upload(image_id, file)
    finally:
        ended.set()
        watcher.join()
    client.delete(image_id)
    client.close()
    return most
