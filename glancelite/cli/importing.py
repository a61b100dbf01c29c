"""`image stage`, `image import` and `image import info`: data that comes in two steps, or that the service fetches."""

from typing import TYPE_CHECKING, Any

import click

from glancelite.client.errors import ClientError, ImportFailed

from .display import describe
from .output import View, print_one, shows_one
from .progress import choose_meter
from .sending import Sending
from .service import doing, note, open_images, open_offers, open_tasks
from .source import open_source
from .waiting import wait_for_import
from .ways import METHODS, check_patience, make_request, wait_timeout_option, way_options

if TYPE_CHECKING:
    from glancelite.client.images import Image, Images

_LEFT = {
    "queued": "The image is queued, without data.",
    "uploading": "The image is uploading, its data staged: it can be imported again.",
    "active": "The image is active, as it was.",
}


@click.command()
@click.argument("image")
@click.option("--file", "file", metavar="PATH", help="Send this file; - is standard input.")
@click.option("--size", type=click.IntRange(0), metavar="BYTES", help="How long the data is, when it comes by a pipe.")
@click.option("--progress", is_flag=True, help="Show how far it is.")
def stage(image: str, file: str | None, size: int | None, progress: bool) -> None:
    """Send an image's data, from --file or a pipe on standard input, to where `image import` takes it from."""
    with open_source(file, size) as source, doing(f"stage data for image '{image}'"):
        if source is None:
            raise click.UsageError("There is no data to stage: give --file, or a pipe on standard input.")
        open_offers().require_method("glance-direct")
        images = open_images()
        found = images.find(image)
        try:
            with choose_meter(progress) as meter, Sending(source, meter) as sending:
                images.stage(found["id"], sending.pieces(), source.length)
        except OSError as error:
            raise click.ClickException(f"Cannot read the data: {error.strerror or error}.") from error


@click.command("import")
@click.argument("image")
@click.argument("more_stores", nargs=-1, metavar="")
@click.option(
    "--method", type=click.Choice(METHODS), default="glance-direct", help="How the data comes; glance-direct unless "
    "said: what `image stage` has sent.",
)  # fmt: skip
@way_options
@click.option("--wait", is_flag=True, help="Wait for its end; exit with 3 when it fails.")
@wait_timeout_option
@shows_one
def import_image(image: str, more_stores: tuple[str, ...], method: str, wait: bool, view: View, **values: Any) -> None:
    """Have the service bring in an image's data: staged before, from the web, or from another region or store.

    The service goes on by itself; --wait shows how far it is.
    """
    if more_stores and not values["stores"]:
        raise click.UsageError(f"Got unexpected extra argument ({' '.join(more_stores)})")
    values["stores"] = (*values["stores"], *more_stores)  # `--store a b`, as openstack takes it
    wanted = make_request(method, values)
    check_patience(values["wait_timeout"], waits=wait)
    with doing(f"import image '{image}'"):
        open_offers().require_method(method)
        images = open_images()
        found = images.find(image)
        images.start_import(found["id"], wanted)
        found = _await(images, found, values["wait_timeout"]) if wait else images.show(found["id"])
    print_one(describe(found), view)


def _await(images: "Images", image: "Image", most: float | None) -> "Image":
    try:
        return await_import(images, image, most)
    except ImportFailed as failed:
        raise ImportFailed(f"{str(failed).rstrip('.')}. {_tell_left(images, image['id'])}".rstrip()) from failed
    except KeyboardInterrupt:
        note(f"Interrupted; the import of image {image['id']} goes on.")
        raise


def _tell_left(images: "Images", image_id: str) -> str:
    try:
        status = images.show(image_id)["status"]
    except ClientError:
        return ""
    return _LEFT.get(status, f"The image is {status}.")


def await_import(images: "Images", image: "Image", most: float | None) -> "Image":
    """The image after its import; says which stores it did not get into. ImportFailed when it got into none,
    WaitedEnough when it has not ended after `most` seconds."""
    look = wait_for_import(images, open_tasks(), image["id"], most)
    if look.missed_stores:
        where = f"Image '{image.get('name')}' ({image['id']}) is not in store {look.missed_stores.replace(',', ', ')}"
        click.echo(f"{where}: {look.reason}", err=True)
    return look.image


@click.command("import info")
@shows_one
def import_info(view: View) -> None:
    """Show the import methods that the service offers."""
    with doing("show the import methods"):
        methods = open_offers().import_methods()
    print_one({"import-methods": methods}, view)
