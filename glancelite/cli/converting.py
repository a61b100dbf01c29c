"""`image convert`: an image's data in another disk format, converted on this host, as a new image."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glancelite.client.errors import BadData, ClientError, Refused
from glancelite.domain.fields import BY_NAME
from glancelite.domain.signature import CERTIFICATE, HASH, KEY_TYPE, SIGNATURE
from glancelite.errors import GlanceliteError

from .delivery import Delivery, deliver, make_image
from .display import describe
from .interrupts import taken_back
from .output import View, print_one, shows_one
from .progress import Meter, choose_meter, follow
from .saving import fetch
from .service import complain, doing, note, open_images, open_members
from .source import open_source
from .target import Part

if TYPE_CHECKING:
    from glancelite.client.images import Image, Images

_OUTPUTS = ("raw", "qcow2")
_KEPT = ("protected", "os_hidden", "min_disk", "min_ram", "tags")
_KEPT_IN_PLACE = ("owner", "visibility")
"""What only an image that takes the other's place has of it: whoever may see one may not make one for everybody."""
_OF_DATA = (SIGNATURE, HASH, KEY_TYPE, CERTIFICATE, "owner_specified.openstack.md5", "owner_specified.openstack.sha256")
"""Properties that say something of the data that was, and would be false of other data."""
_MEMORY, _SECONDS, _SIZE = 4 << 30, 1 << 24, 1 << 50
"""What qemu-img may use here: more than an honest image asks for."""
_PIECE = 1 << 20


@click.command()
@click.argument("image")
@click.option("--to", "output", type=click.Choice(_OUTPUTS), required=True, help="Disk format of the new image.")
@click.option("--name", help="Name of the new image; that of the other with -FORMAT behind it unless said.")
@click.option(
    "--replace",
    is_flag=True,
    help="Give it the other's name, owner and visibility, and delete the other when the new one is active.",
)
@click.option("--progress", is_flag=True, help="Show how far it is.")
@click.option(
    "--directory",
    type=click.Path(exists=True, file_okay=False, writable=True, path_type=Path),
    help="Where there is room for both on this host; that of temporary files unless said.",
)
@shows_one
def convert(
    image: str, view: View, output: str, name: str | None, replace: bool, progress: bool, directory: Path | None
) -> int | None:
    """Make a new image of an image's data in another disk format, by qemu-img on this host.

    The data is saved and checked, inspected, converted, uploaded and compared. The new image has the other's
    properties, tags and limits, and is yours. Data that is unsafe to open is not converted.
    """
    if replace and name is not None:
        raise click.UsageError("--replace and --name exclude each other.")
    program = shutil.which("qemu-img")
    if program is None:
        raise click.ClickException("There is no program qemu-img: install qemu-utils, Debian's package with it.")
    with doing(f"convert image '{image}'"), _workplace(directory) as place:
        images = open_images()
        found = images.find(image)
        _check(found, output, replaces=replace)
        with choose_meter(progress) as meter:
            _save(images, found, place / "data", meter)
            _inspect(found, place / "data", meter)
            _convert(found, Path(program), place, output, meter)
        (place / "data").unlink()
        fields = _describe(found, output, replaces=replace)
        fields |= {"name": _name(found, output, name)} if not replace else {}
        with open_source(str(place / output), None) as source, taken_back():
            made = deliver(images, make_image(images, fields), source, _plain(progress))
        is_whole = not replace or _retire(images, found)
    print_one(describe(made), view)
    return None if is_whole else 1


@contextlib.contextmanager
def _workplace(directory: Path | None) -> Iterator[Path]:
    try:
        with tempfile.TemporaryDirectory(prefix="glancelite-", dir=directory) as place:
            yield Path(place)
    except OSError as error:
        if isinstance(error, ConnectionError):
            raise
        place = str(directory or tempfile.gettempdir())
        raise click.ClickException(f"Cannot convert in {place}: {error.strerror or error}.") from error


def _check(image: "Image", output: str, *, replaces: bool) -> None:
    """Raise BadData for an image that cannot be converted, before its data is saved."""
    from glancelite.qemu import DRIVERS

    declared, container = image.get("disk_format"), image.get("container_format")
    if image.get("status") != "active":
        raise BadData(f"it is {image.get('status')}, and only active images have data to convert.")
    if container != "bare" or declared not in DRIVERS:
        raise BadData(f"there is no conversion from disk format {declared} in container format {container}.")
    if declared == output:
        raise BadData(f"its disk format is {output} already.")
    if replaces and image.get("protected"):
        raise BadData("it is protected, and could not be replaced.")
    if replaces and image.get("visibility") == "shared" and open_members(image["id"]).list():
        raise BadData("it is shared with other projects, which would lose it: leave --replace out.")


def _save(images: "Images", image: "Image", path: Path, meter: Meter) -> None:
    with Part(path, image, meter, resumes=False, is_sparse=True) as part:
        fetch(images, image, part, meter)
    if not part.digest.is_known:
        note(f"The service recorded no hash of image '{image['id']}': its data could not be checked.")


def _inspect(image: "Image", path: Path, meter: Meter) -> None:
    """Raise BadData where qemu-img could be led to other files, or to take the data for what it is not."""
    from glancelite.formats import Inspection

    inspection = Inspection()
    with path.open("rb") as file:
        pieces = iter(lambda: file.read(_PIECE), b"")
        for piece in follow(pieces, image.get("size"), meter, "inspecting"):
            inspection.feed(piece)
    verdict = inspection.finish()
    if verdict.unsafe:
        raise BadData(f"its data is unsafe to open: {verdict.unsafe}")
    if not verdict.fits(image["disk_format"]):
        raise BadData(f"its data is not {image['disk_format']}, but {verdict.name}.")


def _convert(image: "Image", program: Path, place: Path, output: str, meter: Meter) -> None:
    from glancelite.qemu import QemuImg
    from glancelite.qemu.child import Limits, find_python

    qemu_img = QemuImg(find_python(), str(program), Limits(_MEMORY, _SECONDS, _SIZE), image["id"], meter.say)
    try:
        qemu_img.measure(place / "data", image["disk_format"])
        qemu_img.convert(place / "data", image["disk_format"], place / output, output)
    except GlanceliteError as error:
        raise BadData(str(error)) from error


def _name(image: "Image", output: str, name: str | None) -> str:
    return f"{image.get('name') or image['id']}-{output}" if name is None else name


def _describe(image: "Image", output: str, *, replaces: bool) -> dict[str, Any]:
    """The fields of the new image; its name only where that is the other's."""
    kept = (*_KEPT, *_KEPT_IN_PLACE, "name") if replaces else _KEPT
    fields = {name: image[name] for name in kept if image.get(name)}
    others = {
        name: value
        for name, value in image.items()
        if name not in BY_NAME and name not in _OF_DATA and not name.startswith("os_glance") and value is not None
    }
    return others | fields | {"disk_format": output, "container_format": "bare"}


def _plain(has_progress: bool) -> Delivery:
    """A plain upload, to where the service puts it."""
    return Delivery(
        wanted=None, store=None, digest=None, waits=False, patience=None, has_progress=has_progress, keeps_queued=False
    )


def _retire(images: "Images", image: "Image") -> bool:
    try:
        images.delete(image["id"])
    except ClientError as error:
        if isinstance(error, Refused) and error.status == 404:
            return True
        complain(f"The image {image['id']} was not deleted: {error}")
        return False
    return True
