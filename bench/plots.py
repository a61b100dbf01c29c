"""Two plots, `make bench-plots`: what requests cost against the number of images, and uploads against how many at once.

Written to docs/images. Matplotlib is installed by the Makefile, for this alone.
"""

import argparse
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from bench.place import new_place
from bench.rows_data import upload_at_once
from bench.suite import Suite, Take
from bench.target import GLANCE, OURS, TITLES, NotMeasured, Sample, Target

IMAGES = Path(__file__).parents[1] / "docs/images"
STREAMS = (1, 2, 4, 8, 16)
_REQUESTS = {
    "a page of 100": "/v2/images?limit=100",
    "a property of one in twenty": "/v2/images?limit=25&bench_model=m7",
    "a property of none": "/v2/images?limit=25&bench_model=none",
}
Curves = dict[str, list[tuple[int, Sample]]]
"""Points of each deployment, by its title."""


def main(words: list[str]) -> int:
    """Measure and draw; the files' names are printed."""
    parser = argparse.ArgumentParser("python -m bench.plots", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes and one round, to try it")
    options = parser.parse_args(words)
    IMAGES.mkdir(exist_ok=True)
    with ExitStack() as stack:
        suite = Suite(stack, new_place(stack), options.quick)
        found = {title: _against_images(suite, path) for title, path in _REQUESTS.items()}
        _draw("cost-by-images.png", found, "images", "CPU of a request, ms", lambda one: one.cpu * 1000)
        size = suite.scaled(64, 8)
        uploads = {f"uploads of {size} MiB at once": _against_streams(suite, suite.data(size))}
        _draw("wall-by-uploads.png", uploads, "uploads", "wall until the last has ended, s", lambda one: one.wall)
    return 0


def _against_images(suite: Suite, path: str) -> Curves:
    curves: Curves = {}
    for size in (100, 1_000) if suite.is_quick else (100, 1_000, 10_000, 100_000):
        _add(curves, size, suite, partial(_request, suite, path), size)
    return curves


def _request(suite: Suite, path: str, target: Target) -> Sample:
    client = target.client()
    client.request("GET", path)
    sample = target.measure(lambda: client.request("GET", path), suite.times(target, 160))
    client.close()
    return sample


def _against_streams(suite: Suite, file: Path) -> Curves:
    curves: Curves = {}
    for streams in STREAMS:
        _add(curves, streams, suite, partial(upload_at_once, file=file, streams=streams))
    return curves


def _add(curves: Curves, at: int, suite: Suite, work: Callable[[Target], Sample], images: int = 0) -> None:
    """A point for each deployment that can be measured, and for Glance, taken in turn."""
    takes: dict[str, Take] = {}
    for name in (*OURS, GLANCE):
        try:
            takes[TITLES[name]] = partial(work, suite.target(name, images))
        except NotMeasured as reason:
            print(f"{TITLES[name]}: not measured: {reason}")
    failed: dict[str, str] = {}
    for title, sample in suite.in_turn(takes, failed).items():
        curves.setdefault(title, []).append((at, sample))
        print(f"{at:>7} {title}: {sample.wall * 1000:.2f} ms, CPU {sample.cpu * 1000:.2f} ms", flush=True)
    for title, text in failed.items():
        print(f"{at:>7} {title}: {text}", flush=True)


def _draw(name: str, found: dict[str, Curves], across: str, up: str, value: Callable[[Sample], float]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, areas = pyplot.subplots(1, len(found), figsize=(5 * len(found), 4), squeeze=False, sharey=True)
    for area, (title, curves) in zip(areas[0], found.items(), strict=True):
        _draw_area(area, title, curves, value)
        area.set_xlabel(across)
    areas[0][0].set_ylabel(up)
    areas[0][0].legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(IMAGES / name, dpi=120)
    print(IMAGES / name)


def _draw_area(area: Any, title: str, curves: Curves, value: Callable[[Sample], float]) -> None:
    from matplotlib.ticker import LogLocator

    for label, points in curves.items():
        area.plot([at for at, _ in points], [value(one) for _, one in points], marker="o", label=label.replace("`", ""))
    area.set_title(title, fontsize="medium")
    area.set_xscale("log")
    area.set_yscale("log")
    area.set_xticks([at for at, _ in next(iter(curves.values()))])
    area.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    for axis in (area.xaxis, area.yaxis):
        axis.set_major_formatter(lambda at, _: f"{at:,g}")
    area.minorticks_off()
    area.grid(alpha=0.3)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
