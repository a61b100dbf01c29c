"""Rows about many images: a page and a search cost the same however many there are; and about the registry apart."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from bench.lines import Line, Verdict, at_most, show, within
from bench.load import Client
from bench.suite import Suite, Take
from bench.target import APART, OURS, SHIPPED, TITLES, NotMeasured, Sample, Target

PAGE = 100
FEW = "few"
_RARE = {"bench_rare": "rare", "bench_all": "everywhere"}
_FILTERS = (
    ("a property of one image", "bench_rare=rare", 1),
    ("a property of every twentieth", "bench_model=m7", 25),
    ("a property of all", "bench_all=everywhere", 25),
    ("a property of none", "bench_rare=none", 0),
    ("a tag of one image", "tag=rare", 1),
    ("a tag of all", "tag=filled", 25),
    ("a tag of none", "tag=none", 0),
    ("a name of one image", "name=rare", 1),
    ("a name of every twentieth", "name=image%207", 25),
    ("a name of none", "name=none", 0),
    ("a property of all and a tag of none", "bench_all=everywhere&tag=none", 0),
)


@dataclass(frozen=True)
class _Caller:
    title: str
    client: Callable[[Target], Client]
    sees: int | None = None


_CALLERS = (
    _Caller("an admin", lambda target: target.admin()),
    _Caller("a member who sees all", lambda target: target.client()),
    _Caller("a member who sees ten", lambda target: target.client(FEW), 10),
)


def pages(suite: Suite) -> Iterator[Line]:
    """First and last pages at three sizes: the dearest and the cheapest are within 1.3 times each other."""
    sizes = (100, 1_000, 10_000) if suite.is_quick else (100, 10_000, 100_000)
    for name in [one for one in OURS if one in suite.only]:
        try:
            targets = {size: _filled(suite, name, size) for size in sizes}
        except NotMeasured as reason:
            yield Line("pages", "a page at three sizes", TITLES[name], f"not measured: {reason}")
            continue
        for caller in _CALLERS:
            for which in ("first", "last"):
                yield _compare_sizes(suite, targets, caller, which)


def _compare_sizes(suite: Suite, targets: dict[int, Target], caller: _Caller, which: str) -> Line:
    paths = {size: _page(caller.client(target), caller, which) for size, target in targets.items()}
    takes: dict[str, Take] = {
        str(size): partial(_take, suite, target, caller.client, paths[size]) for size, target in targets.items()
    }
    found = suite.in_turn(takes)
    dearest, cheapest = max(one.cpu for one in found.values()), min(one.cpu for one in found.values())
    ratio = dearest / max(cheapest, 1e-9)
    text = ", ".join(f"{int(size):,}: {show(one.cpu, 'ms')}" for size, one in found.items())
    walls = ", ".join(f"{int(size):,}: {show(one.wall, 'ms')}" for size, one in found.items())
    verdict = Verdict("dearest ≤ 1.3 × cheapest", ratio, ratio <= 1.3)
    target = next(iter(targets.values()))
    return Line("pages", f"the {which} page of 100, {caller.title}", TITLES[target.name], walls, text, (), (verdict,))


def _page(client: Client, caller: _Caller, which: str) -> str:
    """The path of a page; the last one begins behind the image that has 100 older ones (or one, of ten)."""
    path = f"/v2/images?limit={PAGE}"
    if which == "last":
        older = PAGE if caller.sees is None else 1
        oldest = client.get(f"/v2/images?limit={older + 1}&sort_key=created_at&sort_dir=asc")["images"]
        path += f"&marker={oldest[-1]['id']}"
    page = client.get(path)["images"]
    expected = PAGE if caller.sees is None else caller.sees if which == "first" else 1
    assert len(page) == expected, (which, caller.title, len(page))
    client.close()
    return path


def _take(suite: Suite, target: Target, connect: Callable[[Target], Client], path: str) -> Sample:
    client = connect(target)
    sample = target.measure(lambda: client.request("GET", path), suite.times(target, 200))
    client.close()
    return sample


def filters(suite: Suite) -> Iterator[Line]:
    """Searches among 100,000 images, by a member who sees them all."""
    images = suite.scaled(100_000, 10_000)
    for title, query, count in _FILTERS:

        def work(target: Target, query: str = query, count: int = count) -> Sample:
            _filled(suite, target.name, images)
            client = target.client()
            path = f"/v2/images?limit=25&{query}"
            found = len(client.get(path)["images"])
            assert found == count, (query, found)
            client.close()
            return _take(suite, target, Target.client, path)

        for name in [one for one in OURS if one in suite.only]:
            try:
                _filled(suite, name, images)
            except NotMeasured:
                continue
        text = f"of {images:,} images those with {title}"
        yield from suite.compare("filters", text, work, "ms", (at_most("cpu", 5),), beside=(), images=images + 1)


def apart(suite: Suite) -> Iterator[Line]:
    """Showing an image where the registry is a daemon of its own."""

    def work(target: Target) -> Sample:
        client = target.client()
        image = client.create(name="shown", bench_a="1")
        path = f"/v2/images/{image['id']}"
        client.get(path)
        sample = target.measure(lambda: client.request("GET", path), suite.times(target, 1000))
        client.delete(image["id"])
        client.close()
        return sample

    bounds = (within("cpu", 2.2, SHIPPED, APART),)
    title = "show an image, the registry apart"
    yield from suite.compare("apart", title, work, "ms", bounds, beside=(SHIPPED,), on=(APART,))


def _filled(suite: Suite, name: str, size: int) -> Target:
    """A deployment with this many images of one project (and one, so that the last page has a marker), and ten more."""
    target = suite.target(name, size + 1)
    if (name, size) not in suite.ready:
        client = target.client(FEW)
        for number in range(10):
            client.create(name=f"few {number}")
        client.close()
        if size > 100:
            _make_rare(target)
        suite.ready.add((name, size))
    return target


def _make_rare(target: Target) -> None:
    client = target.client()
    client.create(name="rare", tags=["rare"], **_RARE)
    client.close()
