"""What comes out: a line for each deployment and row, with bounds that are kept, broken, or could not be looked at."""

from dataclasses import dataclass, field

from bench.target import GLANCE, TITLES, Sample

ALL = ("shipped", "postgresql", "uwsgi")
UNITS = {"s": 1.0, "ms": 1000.0}


@dataclass(frozen=True)
class Verdict:
    """One bound and what was found; `value` is None where it could not be measured."""

    text: str
    value: float | None
    is_kept: bool | None

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.text}: not measured" if self.is_kept is None else f"**{self.text}**"
        return f"{self.text}: {self.value:.2f} {'met' if self.is_kept else '**BROKEN**'}"


@dataclass(frozen=True)
class Line:
    """One row on one deployment. `beside` is what was measured in turn with it."""

    row: str
    title: str
    deployment: str
    wall: str = ""
    cpu: str = ""
    beside: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    @property
    def is_kept(self) -> bool:
        return all(verdict.is_kept is not False for verdict in self.verdicts)


@dataclass(frozen=True)
class Bound:
    """A promise about the wall clock or the processor time of a row, on some deployments.

    Without a reference the value itself is at most `limit` (in the row's unit); against Glance it is `limit` times
    smaller, or more; against another reference it is at most `limit` times the reference.
    """

    of: str
    limit: float
    reference: str | None = None
    on: tuple[str, ...] = field(default=ALL)

    def text(self, unit: str) -> str:
        what = {"wall": "wall", "cpu": "CPU"}[self.of]
        if self.reference is None:
            return f"{what} ≤ {self.limit:g} {unit}"
        if self.reference == GLANCE:
            return f"Glance's {what} ≥ {self.limit:g} ×"
        return f"{what} ≤ {self.limit:g} × {TITLES.get(self.reference, self.reference)}"

    def judge(self, own: Sample, references: dict[str, Sample], unit: str) -> Verdict:
        """Whether this sample keeps it."""
        value = float(getattr(own, self.of))
        if self.reference is None:
            return Verdict(self.text(unit), value * UNITS[unit], value * UNITS[unit] <= self.limit)
        other = references.get(self.reference)
        if other is None:
            return Verdict(self.text(unit), None, None)
        if self.reference == GLANCE:
            ratio = float(getattr(other, self.of)) / max(value, 1e-9)
            return Verdict(self.text(unit), ratio, ratio >= self.limit)
        ratio = value / max(float(getattr(other, self.of)), 1e-9)
        return Verdict(self.text(unit), ratio, ratio <= self.limit)


def at_most(of: str, limit: float, *on: str) -> Bound:
    """The value itself has a limit."""
    return Bound(of, limit, None, on or ALL)


def less_than_glance(of: str, times: float, *on: str) -> Bound:
    """Glance needs that many times more."""
    return Bound(of, times, GLANCE, on or ALL)


def within(of: str, times: float, reference: str, *on: str) -> Bound:
    """At most that many times what the reference needs."""
    return Bound(of, times, reference, on or ALL)


def show(seconds: float, unit: str) -> str:
    """Seconds in a unit, as a person reads them."""
    return f"{seconds * UNITS[unit]:.2f} {unit}"
