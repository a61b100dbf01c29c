"""What is measured: a deployment that runs, and how long and how much of the processor a piece of work on it takes."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cpu import cpu_seconds
from bench.load import PROJECT, Client

SHIPPED, POSTGRESQL, UWSGI = "shipped", "postgresql", "uwsgi"
OURS = (SHIPPED, POSTGRESQL, UWSGI)
APART, GLANCE, NGINX, HASHES = "apart", "glance", "nginx", "hashes"

TITLES = {
    SHIPPED: "`server run`, SQLite",
    POSTGRESQL: "`server run`, PostgreSQL",
    UWSGI: "nginx and uwsgi, SQLite",
    APART: "`server run api` and `server run registry`, SQLite",
    GLANCE: "Glance",
    NGINX: "nginx",
    HASHES: "the bare hashes",
}


class NotMeasured(Exception):
    """Why something cannot be measured on this machine."""


@dataclass(frozen=True)
class Sample:
    """Seconds of wall clock and of processor time, for one request where there were several."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Target:
    """A deployment that answers on this port, by all the processes below these roots (database and nginx included).

    `service_roots` are the roots of the service's own processes.
    """

    name: str
    port: int
    roots: Sequence[int]
    database: str = ""
    place: Path = Path()
    service_roots: tuple[int, ...] = ()

    @property
    def is_ours(self) -> bool:
        return self.name in (*OURS, APART)

    def client(self, project: str = PROJECT, roles: str = "member,reader") -> Client:
        return Client(self.port, project, roles)

    def admin(self) -> Client:
        return Client(self.port, "admin-project", "admin,member,reader")

    def measure(self, work: Callable[[], object], times: int = 1) -> Sample:
        """Do the work that many times; what one time took, of the wall clock and of all the target's processes."""
        cpu, wall = cpu_seconds(self.roots), time.perf_counter()
        for _ in range(times):
            work()
        wall = time.perf_counter() - wall
        return Sample(wall / times, (cpu_seconds(self.roots) - cpu) / times)
