"""The row about imports: ten at once, what they add to memory, and what somebody else notices of them."""

import json
import time
from collections.abc import Iterator
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
    """Ten images are staged, then imported at the same time, while a client asks for another one again and again."""
    size = suite.scaled(256, 32)
    file = suite.data(size)
    for name in [one for one in OURS if one in suite.only]:
        try:
            target = suite.target(name)
        except NotMeasured as reason:
            yield Line("imports", "imports", TITLES[name], f"not measured: {reason}")
            continue
        client = target.client()
        images = [client.create()["id"] for _ in range(_IMPORTS)]
        for image_id in images:
            client.upload(image_id, file, to="stage")
        rest = pss(target.service_roots)
        wall, waits, most = _import_all(target, client, images)
        for image_id in images:
            client.delete(image_id)
        client.close()
        worst = sorted(waits)[int(len(waits) * 0.99)] * 1000
        added = (most - rest) / MIB
        yield Line(
            "imports", f"{_IMPORTS} imports of {size} MiB at once", TITLES[name], f"{wall:.2f} s", "",
            (f"{len(waits)} times `show` beside them, median {sorted(waits)[len(waits) // 2] * 1000:.1f} ms",),
            (
                Verdict("`show` at p99 ≤ 20 ms", worst, worst <= 20),
                Verdict("memory added ≤ 64 MiB", added, added <= 64),
            ),
        )  # fmt: skip


def _import_all(target: Target, client: Client, images: list[str]) -> tuple[float, list[float], int]:
    """Seconds that all took, seconds of each `show` beside them, and the most memory there was."""
    shown, ended, most, waits = client.create()["id"], Event(), [0], list[float]()

    def look() -> None:
        beside = target.client()
        while not ended.wait(_PACE):
            began = time.perf_counter()
            beside.get(f"/v2/images/{shown}")
            waits.append(time.perf_counter() - began)

    def weigh() -> None:
        while not ended.wait(0.2):
            most[0] = max(most[0], pss(target.service_roots))

    threads = [Thread(target=look), Thread(target=weigh)]
    body = json.dumps({"method": {"name": "glance-direct"}}).encode()
    began = time.perf_counter()
    for image_id in images:
        client.request("POST", f"/v2/images/{image_id}/import", body)
    for thread in threads:
        thread.start()
    try:
        for image_id in images:  # one request at a time: what is measured is not to wait for these
            while client.get(f"/v2/images/{image_id}")["status"] != "active":
                assert time.perf_counter() - began < _PATIENCE, "the imports do not come to their end"
                time.sleep(0.1)
        wall = time.perf_counter() - began
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    client.delete(shown)
    return wall, waits, most[0]
