"""Rows about JSON: what an operation costs."""

from collections.abc import Iterator

from bench.lines import Line, at_most, less_than_glance
from bench.load import Client
from bench.suite import Suite
from bench.target import POSTGRESQL, SHIPPED, UWSGI, Sample, Target

FIELDS = {"tags": ["one", "two"], "bench_a": "1", "bench_b": "2", "bench_c": "3"}
PAGE = 100


def show(suite: Suite) -> Iterator[Line]:
    """One image, shown again and again over one connection."""

    def work(target: Target) -> Sample:
        client = target.client()
        image = client.create(name="shown", **FIELDS)
        client.request("PUT", image["file"], b"0123456789", "application/octet-stream")
        path = f"/v2/images/{image['id']}"
        client.get(path)
        sample = target.measure(lambda: client.request("GET", path), suite.times(target, 2000))
        _end(client, image["id"])
        return sample

    bounds = (
        at_most("cpu", 0.8, SHIPPED, POSTGRESQL),
        at_most("cpu", 0.5, UWSGI),
        less_than_glance("cpu", 9, UWSGI),
    )
    yield from suite.compare("show", "show an image", work, "ms", bounds)


def create(suite: Suite) -> Iterator[Line]:
    """Images with 3 properties and 2 tags."""

    def work(target: Target) -> Sample:
        client, made = target.client(), []
        client.get("/v2/images?limit=1")
        sample = target.measure(
            lambda: made.append(client.create(name="created", **FIELDS)["id"]), suite.times(target, 800)
        )
        _end(client, *made)
        return sample

    bounds = (at_most("cpu", 1.6), less_than_glance("cpu", 15))
    yield from suite.compare("create", "create an image with 3 properties and 2 tags", work, "ms", bounds)


def patch(suite: Suite) -> Iterator[Line]:
    """One property of one image gets other values."""

    def work(target: Target) -> Sample:
        client, numbers = target.client(), iter(range(1_000_000))
        image = client.create(name="patched", **FIELDS)
        sample = target.measure(
            lambda: client.patch(image["id"], [{"op": "replace", "path": "/bench_a", "value": f"n{next(numbers)}"}]),
            suite.times(target, 800),
        )
        _end(client, image["id"])
        return sample

    bounds = (less_than_glance("cpu", 15),)
    yield from suite.compare("patch", "change one property of an image", work, "ms", bounds)


def list_page(suite: Suite) -> Iterator[Line]:
    """The first page of 100 among 10,000."""

    def work(target: Target) -> Sample:
        client = target.client()
        path = f"/v2/images?limit={PAGE}"
        assert len(client.get(path)["images"]) == PAGE
        sample = target.measure(lambda: client.request("GET", path), suite.times(target, 320))
        client.close()
        return sample

    bounds = (at_most("cpu", 4), less_than_glance("cpu", 16))
    images = suite.scaled(10_000, 1_000)
    yield from suite.compare("list", f"list a page of 100 of {images:,} images", work, "ms", bounds, images=images)


def walk(suite: Suite) -> Iterator[Line]:
    """All pages of 100, following `next`."""
    images = suite.scaled(10_000, 1_000)

    def work(target: Target) -> Sample:
        client = target.client()

        def walk_all() -> None:
            path: str | None = f"/v2/images?limit={PAGE}"
            seen = 0
            while path is not None:
                page = client.get(path)
                seen, path = seen + len(page["images"]), page.get("next")
            assert seen == images, seen

        sample = target.measure(walk_all)
        client.close()
        return sample

    bounds = (less_than_glance("wall", 15),)
    yield from suite.compare("walk", f"walk {images:,} images in pages of 100", work, "s", bounds, images=images)


def _end(client: Client, *images: str) -> None:
    """Delete what a row has made, so that it finds the same number of images whenever it runs."""
    for image_id in images:
        client.delete(image_id)
    client.close()
