"""`image create` and `image save`: the commands that move image data between files, pipes and the service."""

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glancelite.client.digest import Digest
from glancelite.client.errors import BadData, ClientError

from .display import describe
from .fields import collect_fields, collect_properties, flag, image_options
from .output import View, print_one, shows_one
from .progress import follow
from .service import doing, note, open_images
from .source import Source, open_source

if TYPE_CHECKING:
    from glancelite.client.images import Image, Images


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
@click.option("--wait/--no-wait", default=True, hidden=True, expose_value=False)
@click.option("--keep-queued", is_flag=True, help="Keep the image, without data, when its upload fails.")
@shows_one
def create(name: str, view: View, file: str | None, volume: str | None, **values: Any) -> None:
    """Create an image, and upload its data from --file or a pipe on standard input."""
    if volume:
        raise click.UsageError("--volume is not offered: this client speaks to no block storage service.")
    fields: dict[str, Any] = collect_properties(values)
    fields |= collect_fields(values, "id", "container_format", "disk_format") | {"name": name}
    fields |= {"tags": list(dict.fromkeys(values["tags"]))} if values["tags"] else {}
    fields |= {"os_hidden": True} if values["hidden"] else {}
    with open_source(file, values["size"]) as source:
        images = open_images()
        with doing(f"create image '{name}'"):
            image = images.create(fields)
        if source is not None:
            image = _upload(images, image, source, values)
    print_one(describe(image), view)


def _upload(images: "Images", image: "Image", source: Source, values: dict[str, Any]) -> "Image":
    """Upload, or leave no trace of the image that was made for it."""
    pieces = source.pieces()
    if values["progress"]:
        pieces = follow(pieces, source.length)
    try:
        images.upload(image["id"], pieces, source.length)
        return images.show(image["id"])
    except (ClientError, OSError, KeyboardInterrupt) as error:
        end = "The image was left queued." if values["keep_queued"] else _clear(images, image["id"])
        what = f"Cannot upload the data of image '{image.get('name')}' ({image['id']})"
        if isinstance(error, KeyboardInterrupt):
            note(f"{what}: interrupted. {end}")
            raise
        raise click.ClickException(f"{what}: {str(error).rstrip('.')}. {end}") from error


def _clear(images: "Images", image_id: str) -> str:
    """Delete an image whose upload failed; not when it has its data after all, because only the answer was lost."""
    try:
        status = images.show(image_id)["status"]
        if status not in ("queued", "saving"):
            return f"The image is {status}; it was left as it is."
        images.delete(image_id)
        return "The image was deleted again."
    except ClientError as error:
        return f"The image may be left queued: {error}"


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
