"""`image location …`: where an image's data is. Most services show that to administrators only, if to anybody."""

import json
from typing import TYPE_CHECKING, Any

import click

from .display import describe
from .fields import split_pairs
from .group import Group
from .output import View, print_many, print_one, shows_many, shows_one
from .service import doing, open_images, open_locations

if TYPE_CHECKING:
    from glancelite.client.locations import Locations

Pairs = tuple[tuple[str, Any], ...]


def _read_metadata(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> Pairs:
    """KEY=VALUE, or an object of JSON, as `glance` takes it."""
    pairs: list[tuple[str, Any]] = []
    for text in values:
        if not text.lstrip().startswith("{"):
            pairs += split_pairs(context, parameter, (text,))
            continue
        try:
            pairs += json.loads(text).items()
        except ValueError as error:
            raise click.BadParameter(f"{text!r} is no JSON: {error}.") from error
    return tuple(pairs)


_PROOF = {"checksum": "checksum", "hash_algo": "os_hash_algo", "hash_value": "os_hash_value"}
_url = click.option("--url", required=True, metavar="URL", help="Where the data is.")
_metadata = click.option(
    "--metadata",
    multiple=True,
    metavar="KEY=VALUE",
    callback=_read_metadata,
    help="Metadata of the location, or all of it in JSON; repeatable.",
)


@click.group("location", cls=Group)
def group() -> None:
    """List and change where an image's data is."""


@group.command("list")
@click.argument("image")
@shows_many
def list_locations(image: str, view: View) -> None:
    """List where an image's data is."""
    with doing(f"list the locations of image '{image}'"):
        found = _open(image).list()
    print_many(("URL", "Metadata"), [[each.get("url"), each.get("metadata")] for each in found], view)


@group.command()
@click.argument("image")
@_url
@_metadata
@click.option("--checksum", metavar="MD5", help="MD5 of the data.")
@click.option("--hash-algo", metavar="ALGORITHM", help="Algorithm of --hash-value: sha512 for example.")
@click.option("--hash-value", metavar="HEX", help="Hash of the data.")
@shows_one
def add(image: str, url: str, metadata: Pairs, view: View, **values: str | None) -> None:
    """Say where an image's data is, instead of uploading it."""
    if bool(values["hash_algo"]) != bool(values["hash_value"]):
        raise click.UsageError("--hash-algo and --hash-value go together.")
    proof = {name: values[option] or "" for option, name in _PROOF.items() if values[option]}
    with doing(f"add a location to image '{image}'"):
        images = open_images()
        found = images.find(image)
        open_locations(images, found).add(url, dict(metadata), proof)
        found = images.show(found["id"])
    print_one(describe(found), view)


@group.command("set")
@click.argument("image")
@_url
@_metadata
def set_location(image: str, url: str, metadata: Pairs) -> None:
    """Replace the metadata of one of an image's locations."""
    with doing(f"change a location of image '{image}'"):
        _open(image).set_metadata(url, dict(metadata))


@group.command()
@click.argument("image")
@click.option(
    "--url", "urls", required=True, multiple=True, metavar="URL", help="Where it shall be no more; repeatable."
)
def unset(image: str, urls: tuple[str, ...]) -> None:
    """Take locations away from an image."""
    with doing(f"remove locations of image '{image}'"):
        _open(image).remove(urls)


def _open(image: str) -> "Locations":
    images = open_images()
    return open_locations(images, images.find(image))
