"""Rows about image data: uploads and downloads, whole and in pieces."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.lines import Line, less_than_glance, within
from bench.load import MIB, Client
from bench.references import hash_file
from bench.suite import Suite
from bench.target import GLANCE, HASHES, NGINX, POSTGRESQL, SHIPPED, UWSGI, Sample, Target

_SETTLE = 0.5
_BOUNDS_OF_UPLOAD = (
    less_than_glance("wall", 2.3, SHIPPED, POSTGRESQL),
    less_than_glance("wall", 2.5, UWSGI),
    within("cpu", 1.6, HASHES),
)


def upload(suite: Suite) -> Iterator[Line]:
    """One stream with its length."""
    yield from _upload(suite, "upload", is_chunked=False)


def upload_chunked(suite: Suite) -> Iterator[Line]:
    """One stream in chunks of 1 MiB."""
    yield from _upload(suite, "upload-chunked", is_chunked=True)


def _upload(suite: Suite, row: str, is_chunked: bool) -> Iterator[Line]:
    size = suite.scaled(1024, 128)
    file = suite.data(size)

    def work(target: Target) -> Sample:
        client = target.client()
        image_id = client.create()["id"]
        os.sync()
        sample = target.measure(lambda: client.upload(image_id, file, is_chunked))
        _end(client, image_id)
        return sample

    title = f"upload {_named(size)} in one stream" + (", chunked" if is_chunked else "")
    extra = {HASHES: lambda: hash_file(file)}
    yield from suite.compare(row, title, work, "s", _BOUNDS_OF_UPLOAD, extra=extra)


def upload_parallel(suite: Suite) -> Iterator[Line]:
    """Four streams at once."""
    size = suite.scaled(256, 32)
    file = suite.data(size)
    bounds = (less_than_glance("wall", 1.4),)

    def work(target: Target) -> Sample:
        return upload_at_once(target, file, 4)

    extra = {HASHES: lambda: hash_file(file, 4)}
    title = f"upload {_named(size)} in each of 4 streams"
    yield from suite.compare("upload-parallel", title, work, "s", bounds, extra=extra)


def upload_at_once(target: Target, file: Path, streams: int) -> Sample:
    """So many uploads of this file at the same time."""
    clients = [target.client() for _ in range(streams)]
    images = [client.create()["id"] for client in clients]
    os.sync()
    with ThreadPoolExecutor(streams) as pool:
        sample = target.measure(
            lambda: list(pool.map(lambda pair: pair[0].upload(pair[1], file), zip(clients, images, strict=True)))
        )
    for client, image_id in zip(clients, images, strict=True):
        _end(client, image_id)
    return sample


def upload_small(suite: Suite) -> Iterator[Line]:
    """An image and 64 KiB for it, one after the other."""
    file = suite.place / "64KiB.raw"
    file.write_bytes(os.urandom(64 << 10))

    def work(target: Target) -> Sample:
        client, made = target.client(), []

        def one() -> None:
            made.append(client.create()["id"])
            client.upload(made[-1], file)

        sample = target.measure(one, suite.times(target, 400))
        _end(client, *made)
        return sample

    bounds = (less_than_glance("cpu", 8),)
    yield from suite.compare("upload-small", "create an image and upload 64 KiB", work, "ms", bounds)


def download(suite: Suite) -> Iterator[Line]:
    """The whole of it, thrown away."""
    size = suite.scaled(1024, 128)
    file = suite.data(size)
    made: dict[str, str] = {}

    def work(target: Target) -> Sample:
        path = f"/{file.name}" if target.name == NGINX else _data_of(target, file, made)
        client = target.client()

        def one() -> None:
            assert client.download(path) == file.stat().st_size

        one()
        sample = target.measure(one, 3)
        client.close()
        return sample

    bounds = (within("wall", 1.15, NGINX), within("cpu", 1.3, NGINX))
    title = f"download {_named(size)}"
    yield from suite.compare("download", title, work, "s", bounds, beside=(GLANCE, NGINX))


def ranges(suite: Suite) -> Iterator[Line]:
    """A walk through an image in ranges of 1 MiB over one connection."""
    size = suite.scaled(256, 64)
    file = suite.data(size)
    made: dict[str, str] = {}

    def work(target: Target) -> Sample:
        path = f"/{file.name}" if target.name == NGINX else _data_of(target, file, made)
        client, steps = target.client(), iter(range(0, 1 << 60, MIB))

        def one() -> None:
            first = next(steps) % (size * MIB)
            assert client.download(path, first, first + MIB - 1) == MIB

        sample = target.measure(one, size * (4 if target.is_ours or target.name == NGINX else 1))
        client.close()
        return sample

    bounds = (less_than_glance("cpu", 8),)
    title = f"1 MiB ranges through {_named(size)}, one connection"
    yield from suite.compare("ranges", title, work, "ms", bounds, beside=(GLANCE, NGINX))


def _data_of(target: Target, file: Path, made: dict[str, str]) -> str:
    """Where this file's image is, which is uploaded the first time."""
    if target.name not in made:
        client = target.client()
        image = client.create()
        client.upload(image["id"], file)
        client.close()
        made[target.name] = image["file"]
    return made[target.name]


def _end(client: Client, *images: str) -> None:
    """Delete what was uploaded and let the service unlink it, before anything else is measured."""
    for image_id in images:
        client.delete(image_id)
    client.close()
    time.sleep(_SETTLE)


def _named(mebibytes: int) -> str:
    return f"{mebibytes // 1024} GiB" if mebibytes % 1024 == 0 else f"{mebibytes} MiB"
