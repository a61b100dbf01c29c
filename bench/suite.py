"""The suite: what is running, how big things are, and measuring all deployments and references in turn."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

from bench import deployments, peer, references
from bench.filling import fill
from bench.lines import Bound, Line, Verdict, show
from bench.load import MIB, Refused
from bench.postgres import POSTGRES, Cluster, cluster
from bench.target import APART, GLANCE, NGINX, OURS, POSTGRESQL, SHIPPED, TITLES, UWSGI, NotMeasured, Sample, Target

Take = Callable[[], Sample]
Work = Callable[[Target], Sample]

_WARM = 20


@dataclass
class Suite:
    """A run of the benchmark. What it starts is started when a row first asks for it and ends with the run."""

    stack: ExitStack
    place: Path
    is_quick: bool = False
    only: tuple[str, ...] = OURS
    rounds: int = 3
    ready: set[tuple[str, int]] = field(default_factory=set)
    """Which targets have what rows about many images add to them."""
    _running: dict[tuple[str, int], Target] = field(default_factory=dict)
    _missing: dict[str, str] = field(default_factory=dict)
    _clusters: dict[str, Cluster] = field(default_factory=dict)

    def scaled(self, whole: int, quick: int) -> int:
        """A size or a number of times: the whole one, or a small one for those who develop."""
        return quick if self.is_quick else whole

    def times(self, target: Target, whole: int) -> int:
        """How often a request is made for one sample: fewer where each takes long."""
        share = 1 if target.is_ours else 8
        return max(whole // share // (10 if self.is_quick else 1), 4)

    def data(self, mebibytes: int) -> Path:
        """A file of that many MiB that nothing compresses or knows the format of."""
        file = self.place / "files" / f"{mebibytes}.raw"
        if not file.exists():
            with file.open("wb") as output:
                for _ in range(mebibytes):
                    output.write(os.urandom(MIB))
        return file

    # Targets ----------------------------------------------------------------------------------------------------------

    def target(self, name: str, images: int = 0) -> Target:
        """A running deployment or reference with that many images in it; NotMeasured where that cannot be."""
        if name in self._missing:
            raise NotMeasured(self._missing[name])
        if (name, images) not in self._running:
            try:
                target = self._start(name)
            except NotMeasured as reason:
                self._missing[name] = str(reason)
                raise
            if name != NGINX:
                _warm(target)
            if images:
                fill(target, images)
            self._running[name, images] = target
        return self._running[name, images]

    def new_place(self) -> Path:
        """A fresh directory."""
        return Path(tempfile.mkdtemp(dir=self.place, prefix="site-"))

    def cluster(self, name: str) -> Cluster:
        """The PostgreSQL server that is this target's alone."""
        if POSTGRES is None:
            raise NotMeasured("PostgreSQL is not installed")
        if name not in self._clusters:
            self._clusters[name] = self.stack.enter_context(cluster(self.place / f"postgresql-{name}"))
        return self._clusters[name]

    def _start(self, name: str) -> Target:
        starts: dict[str, Callable[[Path], object]] = {
            SHIPPED: deployments.shipped,
            POSTGRESQL: lambda place: deployments.on_postgresql(place, self.cluster(POSTGRESQL)),
            UWSGI: deployments.behind_nginx,
            APART: deployments.apart,
            GLANCE: lambda place: peer.glance(place, self.cluster(GLANCE)),
            NGINX: lambda place: references.nginx(place, self.data(1).parent),
        }
        if name == GLANCE:
            peer.require_glance()
        target: Target = self.stack.enter_context(starts[name](self.new_place()))  # type: ignore[arg-type]
        return target

    # Measuring --------------------------------------------------------------------------------------------------------

    def compare(
        self,
        row: str,
        title: str,
        work: Work,
        unit: str,
        bounds: Sequence[Bound] = (),
        beside: Sequence[str] = (GLANCE,),
        on: Sequence[str] = OURS,
        images: int = 0,
        extra: dict[str, Take] | None = None,
    ) -> Iterator[Line]:
        """Do the work on every deployment and reference in turn, some rounds long; a line for each deployment.

        `extra` are references that are no servers.
        """
        takes: dict[str, Take] = {}
        failed: dict[str, str] = {}
        for name in [name for name in on if name in self.only or name not in OURS] + list(beside):
            try:
                target = self.target(name, 0 if name == NGINX else images)
            except NotMeasured as reason:
                failed[name] = f"not measured: {reason}"
            else:
                takes[name] = partial(work, target)
        medians = self.in_turn(takes | (extra or {}), failed)
        others = {name: sample for name, sample in medians.items() if name not in on}
        notes = [f"{TITLES[name]} {show(one.wall, unit)}, CPU {show(one.cpu, unit)}" for name, one in others.items()]
        notes += [f"{TITLES[name]}: {failed[name]}" for name in beside if name in failed]
        for name in on:
            if name in failed:
                broken = (Verdict(failed[name], None, False),) if name in takes else ()
                yield Line(row, title, TITLES[name], failed[name], verdicts=broken)
            elif name in medians:
                own = medians[name]
                kept = tuple(bound.judge(own, others, unit) for bound in bounds if name in bound.on)
                yield Line(row, title, TITLES[name], show(own.wall, unit), show(own.cpu, unit), tuple(notes), kept)

    def in_turn(self, takes: dict[str, Take], failed: dict[str, str] | None = None) -> dict[str, Sample]:
        """Medians of rounds in which each took its turn. Who is refused an answer falls out, into `failed`."""
        samples: dict[str, list[Sample]] = {name: [] for name in takes}
        for _ in range(self.scaled(self.rounds, 1)):
            for name in list(samples):
                try:
                    samples[name].append(takes[name]())
                except Refused as refusal:
                    if failed is None:
                        raise
                    failed[name] = f"failed: {refusal}"
                    del samples[name]
        return {
            name: Sample(median(one.wall for one in found), median(one.cpu for one in found))
            for name, found in samples.items()
        }


def _warm(target: Target) -> None:
    """Ask each worker something, so that what it does once is done."""
    for _ in range(_WARM):
        client = target.client()
        client.get("/v2/images?limit=1")
        client.close()
