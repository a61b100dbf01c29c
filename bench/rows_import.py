"""The row about imports: ten at once, what they add to memory, and what somebody else notices of them."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

from bench.cpu import pss
from bench.lines import Line, Verdict
from bench.load import MIB, Client
from bench.suite import Suite
from bench.target import OURS, TITLES, NotMeasured, Target

_IMPORTS = 10
_PACE = 0.01
_PATIENCE = 600


def imports(suite: Suite) -> Iterator[Line]:
    """Ten images are staged, then imported at the same time: once while memory is weighed, which holds the service up,
    and once while a client asks for another image again and again."""
    size = suite.scaled(256, 32)
    file = suite.data(size)
    for name in [one for one in OURS if one in suite.only]:
        try:
            target = suite.target(name)
        except NotMeasured as reason:
            yield Line("imports", "imports", TITLES[name], f"not measured: {reason}")
            continue
        yield _measure(target, TITLES[name], file, size)


def _measure(target: Target, title: str, file: Path, size: int) -> Line:
    client, beside = target.client(), target.client()
    rest = _weigh(target)
    _, weights = _import_all(client, file, lambda: _weigh(target), 0.2)
    shown = client.create()["id"]
    wall, waits = _import_all(client, file, lambda: _time_show(beside, shown), _PACE)
    client.delete(shown)
    beside.close()
    client.close()
    worst = sorted(waits)[int(len(waits) * 0.99)] * 1000
    added = (max(weights) - rest) / MIB
    return Line(
        "imports", f"{_IMPORTS} imports of {size} MiB at once", title, f"{wall:.2f} s", "",
        (f"{len(waits)} times `show` beside them, median {sorted(waits)[len(waits) // 2] * 1000:.1f} ms",),
        (
            Verdict("`show` at p99 ≤ 20 ms", worst, worst <= 20),
            Verdict("memory added ≤ 64 MiB", added, added <= 64),
        ),
    )  # fmt: skip


def _weigh(target: Target) -> float:
    return pss(target.service_roots)


def _time_show(client: Client, image_id: str) -> float:
    began = time.perf_counter()
    client.get(f"/v2/images/{image_id}")
    return time.perf_counter() - began


def _import_all(client: Client, file: Path, look: Callable[[], float], pause: float) -> tuple[float, list[float]]:
    """Seconds that ten imports at once took, and what `look` saw meanwhile, again and again after a pause."""
    images = [client.create()["id"] for _ in range(_IMPORTS)]
    for image_id in images:
        client.upload(image_id, file, to="stage")
    ended, seen = Event(), list[float]()

    def watch() -> None:
        while not ended.wait(pause):
            seen.append(look())

    body = json.dumps({"method": {"name": "glance-direct"}}).encode()
    began = time.perf_counter()
    for image_id in images:
        client.request("POST", f"/v2/images/{image_id}/import", body)
    watcher = Thread(target=watch)
    watcher.start()
    try:
        for image_id in images:  # one request at a time: what is measured is not to wait for these
            while client.get(f"/v2/images/{image_id}")["status"] != "active":
                assert time.perf_counter() - began < _PATIENCE, "the imports do not come to their end"
                time.sleep(0.1)
        wall = time.perf_counter() - began
    finally:
        ended.set()
        watcher.join()
    for image_id in images:
        client.delete(image_id)
    return wall, seen
