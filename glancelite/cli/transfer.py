"""`image create` and `image save`: the commands that move image data between files, pipes and the service."""

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from glancelite.client.digest import Digest
from glancelite.client.errors import BadData

from .delivery import deliver, plan_delivery
from .display import describe
from .fields import collect_fields, collect_properties, flag, image_options
from .output import View, print_one, shows_one
from .progress import follow
from .service import doing, note, open_images, open_offers
from .source import open_source
from .ways import way_options


@click.command()
@click.argument("name")
@click.option("--id", "id", metavar="UUID", help="ID to give it.")
@click.option("--container-format", default="bare", metavar="FORMAT", help="Format around the disk; bare unless said.")
@click.option("--disk-format", default="raw", metavar="FORMAT", help="Format of the disk; raw unless said.")
@image_options
@flag("hidden", "Leave it out of lists.")
@click.option("--file", "file", metavar="PATH", help="Upload this file; - is standard input.")
@click.option("--size", type=click.IntRange(0), metavar="BYTES", help="How long the data is, when it comes by a pipe.")
@click.option("--volume", hidden=True)
@click.option("--progress", is_flag=True, help="Show how far the upload is.")
@click.option("--import", "is_import", is_flag=True, help="Stage the data and import it, instead of a plain upload.")
@way_options
@click.option("--wait/--no-wait", default=False, help="Wait for the end of the import; exit with 1 when it fails.")
@click.option("--keep-queued", is_flag=True, help="Keep the image, without data, when its upload or import fails.")
@shows_one
def create(name: str, view: View, file: str | None, volume: str | None, **values: Any) -> None:
    """Create an image, with data from --file, a pipe on standard input, or where --uri lets the service fetch it."""
    if volume:
        raise click.UsageError("--volume is not offered: this client speaks to no block storage service.")
    fields: dict[str, Any] = collect_properties(values)
    fields |= collect_fields(values, "id", "container_format", "disk_format") | {"name": name}
    fields |= {"tags": list(dict.fromkeys(values["tags"]))} if values["tags"] else {}
    fields |= {"os_hidden": True} if values["hidden"] else {}
    delivery = plan_delivery(values)
    if delivery.is_fetched and (file or values["size"] is not None):
        raise click.UsageError("--file and --size go with data from here, not with data that the service fetches.")
    with nullcontext() if delivery.is_fetched else open_source(file, values["size"]) as source:
        if source is None:
            delivery.check_without_data()
        with doing(f"create image '{name}'"):
            if delivery.method:
                open_offers().require_method(delivery.method)
            images = open_images()
            image = images.create(fields)
        image = deliver(images, image, source, delivery)
    print_one(describe(image), view)


@click.command()
@click.argument("image")
@click.option("--file", "file", metavar="PATH", help="Write to this file instead of standard output.")
@click.option(
    "--chunk-size",
    type=click.IntRange(1, 1 << 30),
    default=1 << 20,
    metavar="BYTES",
    help="Bytes to read at one time; 1 MiB unless said.",
)
@click.option("--progress", is_flag=True, help="Show how far the download is.")
def save(image: str, file: str | None, chunk_size: int, progress: bool) -> None:
    """Save an image's data, and check it against the hash that the service recorded.

    A file appears under its name only when all of it is written and checked; until then it is PATH.part.
    """
    file = None if file == "-" else file
    if file is None and sys.stdout.isatty():
        raise click.UsageError("Image data is not written to a terminal; give --file, or redirect standard output.")
    with doing(f"save image '{image}'"):
        images = open_images()
        found = images.find(image)
        digest = Digest(found)
        with images.download(found["id"]) as data:
            if data.status == 204:
                raise BadData(f"it has no data, its status is {found['status']}.")
            pieces = data.pieces(chunk_size)
            if progress:
                pieces = follow(pieces, found.get("size"))
            with _target(file) as write:
                for piece in pieces:
                    digest.update(piece)
                    write(piece)
                digest.check()
    if not digest.is_known:
        note(f"The service recorded no hash of image '{image}': its data could not be checked.")


@contextlib.contextmanager
def _target(file: str | None) -> Iterator[Any]:
    """What to write pieces with; a new file appears under its name only when the block ends well."""
    if file is None:
        yield sys.stdout.buffer.write
        return
    path = Path(file).resolve()
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as device:
                yield device.write
        else:
            with _part(path) as write:
                yield write
    except OSError as error:
        if isinstance(error, ConnectionError):
            raise
        raise click.ClickException(f"Cannot write {file}: {error.strerror or error}.") from error


@contextlib.contextmanager
def _part(path: Path) -> Iterator[Any]:
    part = path.with_name(path.name + ".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT, 0o666), "wb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise click.ClickException(f"Another process is writing {part}.") from error
        try:
            stream.truncate()
            yield stream.write
            stream.flush()
            os.fsync(stream.fileno())
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
