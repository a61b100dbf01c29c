"""`image save`: image data into a file, a device or a pipe, whole and checked; in parts where a connection breaks."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from glancelite.client.errors import BadData, ClientError

from .progress import Meter, choose_meter, follow
from .service import doing, note, open_images
from .target import Part, Target

if TYPE_CHECKING:
    from glancelite.client.images import Image, Images


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
@click.option(
    "--resume",
    "resumes",
    is_flag=True,
    help="Go on where an earlier save with --resume was cut off, and keep PATH.part when this one is.",
)
@click.option("--sparse", is_flag=True, help="Leave holes in the file where the data is zeros.")
@click.option("--decompress", "unpacks", is_flag=True, help="The data is gzip, xz, bzip2 or zip: save what is in it.")
@click.option(
    "--store-preference",
    "stores",
    multiple=True,
    metavar="ID",
    help="Read from this store if the image is there; repeatable, the first one first.",
)
def save(
    image: str,
    file: str | None,
    chunk_size: int,
    progress: bool,
    resumes: bool,
    sparse: bool,
    unpacks: bool,
    stores: tuple[str, ...],
) -> None:
    """Save an image's data, and check it against the hash that the service recorded.

    A file appears under its name only when all of it is written and checked; until then it is PATH.part. With --resume
    PATH.part.json says whose data that is: where the image is another one or has changed since, that is said, and it is
    saved from the beginning. With --decompress the data is checked first, and then what is in it becomes PATH.
    """
    file = None if file == "-" else file
    if file is None and sys.stdout.isatty():
        raise click.UsageError("Image data is not written to a terminal; give --file, or redirect standard output.")
    if file is None and (resumes or sparse or unpacks):
        raise click.UsageError("--resume, --sparse and --decompress need --file.")
    with doing(f"save image '{image}'"), choose_meter(progress) as meter:
        images = open_images()
        found = images.find(image)
        with _open_target(file, found, meter, resumes=resumes, is_sparse=sparse, unpacks=unpacks) as target:
            fetch(images, found, target, meter, chunk_size, stores)
    if not target.digest.is_known:
        note(f"The service recorded no hash of image '{image}': its data could not be checked.")


def fetch(
    images: "Images",
    image: "Image",
    target: Target,
    meter: Meter,
    chunk_size: int = 1 << 20,
    stores: tuple[str, ...] = (),
) -> None:
    """All of the data, checked; from where it was cut off, as often as --retries says. Raises BadData for other data
    than the service recorded."""
    _fetch(images, image, target, meter, chunk_size, stores)
    if target.digest.is_known:
        meter.check(target.digest.algorithm)
    target.digest.check()


def _fetch(
    images: "Images", image: "Image", target: Target, meter: Meter, chunk_size: int, stores: tuple[str, ...]
) -> None:
    retries = images.retries()
    while image.get("size") is None or target.offset < image["size"] or not target.offset:
        try:
            with images.download(image["id"], target.offset, target.validator, stores) as data:
                if data.status == 204:
                    raise BadData(f"it has no data, its status is {image['status']}.")
                if not target.begin(data.offset, data.validator):
                    continue
                for piece in follow(data.pieces(chunk_size), image.get("size"), meter, begun=target.offset):
                    target.write(piece)
            return
        except ClientError as error:
            retries.wait(error)


@contextlib.contextmanager
def _open_target(
    file: str | None, image: "Image", meter: Meter, *, resumes: bool, is_sparse: bool, unpacks: bool
) -> Iterator[Target]:
    """Where the data goes; a new file appears under its name only when the block ends well."""
    if file is None:
        with contextlib.closing(Target(image, sys.stdout.buffer.write)) as target:
            yield target
        return
    path = Path(file).resolve()
    try:
        if path.exists() and not path.is_file():
            if resumes or is_sparse or unpacks:
                raise click.UsageError(f"--resume, --sparse and --decompress are for files, and {file} is none.")
            with path.open("wb") as device, contextlib.closing(Target(image, device.write)) as target:
                yield target
        else:
            with Part(path, image, meter, resumes=resumes, is_sparse=is_sparse, unpacks=unpacks) as part:
                yield part
    except OSError as error:
        if isinstance(error, ConnectionError):
            raise
        raise click.ClickException(f"Cannot write {file}: {error.strerror or error}.") from error
