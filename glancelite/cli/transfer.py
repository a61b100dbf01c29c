"""`image create` and `image upload`: the commands that bring data from files and pipes to the service. `image save` is
in `saving.py`."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import click

from glancelite.client.errors import ClientError, WrongHash
from glancelite.domain.digest import Digest

from .delivery import deliver, make_image, plan_delivery, upload_headers
from .display import describe
from .fields import collect_fields, collect_properties, flag, image_options
from .interrupts import taken_back
from .output import View, print_one, shows_one
from .progress import choose_meter
from .sending import Sending, algorithm_for
from .service import doing, failure, note, open_images, open_offers
from .source import Source, open_source
from .standing import find_present, find_rivals, retire
from .ways import read_digest, wait_timeout_option, way_options

_DETECTED = ("qcow2", "vhd", "vhdx", "vmdk", "vdi", "iso")
"""Formats that an image may be declared as; what else is recognised is a raw disk to the service."""


@click.command()
@click.argument("name")
@click.option("--id", "id", metavar="UUID", help="ID to give it.")
@click.option("--container-format", default="bare", metavar="FORMAT", help="Format around the disk; bare unless said.")
@click.option(
    "--disk-format", metavar="FORMAT", help="Format of the disk; that of --file, raw for other data, unless said."
)
@click.option(
    "--detect-format/--no-detect-format",
    "detects",
    default=None,
    help="Look at the data for the format of the disk (the default with --file), or not.",
)
@image_options
@flag("hidden", "Leave it out of lists.")
@click.option("--file", "file", metavar="PATH", help="Upload this file; - is standard input.")
@click.option(
    "--size",
    type=click.IntRange(0),
    metavar="BYTES",
    help="How long the data is, when it comes by a pipe; 0 for an image of no bytes.",
)
@click.option("--decompress", "unpacks", is_flag=True, help="The data is gzip, xz, bzip2 or zip: upload what is in it.")
@click.option("--volume", hidden=True)
@click.option("--force", is_flag=True, hidden=True, expose_value=False)
@click.option(
    "--sign-key-path", metavar="PATH", help="Sign the data of --file with the private key (PEM) in this file."
)
@click.option("--sign-cert-id", metavar="UUID", help="Certificate in the key manager that the signature is checked by.")
@click.option("--progress", is_flag=True, help="Show how far the upload is.")
@click.option(
    "--if-absent",
    is_flag=True,
    help="Make none where a visible image of this name is active; with --checksum or --file: and has this hash.",
)
@click.option("--replace", is_flag=True, help="When it is active, delete the older images of this name and owner.")
@click.option("--import", "is_import", is_flag=True, help="Stage the data and import it, instead of a plain upload.")
@way_options
@click.option("--wait/--no-wait", default=False, help="Wait for the end of the import; exit with 3 when it fails.")
@wait_timeout_option
@click.option("--keep-queued", is_flag=True, help="Keep the image, without data, when its upload or import fails.")
@shows_one
def create(name: str, view: View, file: str | None, **values: Any) -> int | None:
    """Create an image, with data from --file, a pipe on standard input, or where --uri lets the service fetch it.

    The hash of what was sent is compared with the one that the service recorded; an image of other data is deleted.
    """
    _refuse_unsupported(values)
    delivery = plan_delivery(values)
    if delivery.is_fetched and (file or values["size"] is not None or values["unpacks"]):
        raise click.UsageError(
            "--file, --size and --decompress go with data from here, not with data that the service fetches."
        )
    if values["replace"] and delivery.wanted is not None and not delivery.waits:
        raise click.UsageError("--replace needs --wait: older images are deleted only when the new one is active.")
    unpacks = values.pop("unpacks")
    with nullcontext() if delivery.is_fetched else _open_source(file, values["size"], unpacks) as source:
        if source is None:
            delivery.check_without_data()
            if values["replace"] and not delivery.is_fetched:
                raise click.UsageError("--replace needs data: give --file, or a pipe on standard input.")
        values["disk_format"] = _choose_format(values, source, is_file=file not in (None, "-"))
        fields = _collect(name, values) | _sign(source, values)
        with doing(f"create image '{name}'"):
            if delivery.method:
                open_offers().require_method(delivery.method)
            images = open_images()
            if values["if_absent"]:
                with choose_meter(delivery.has_progress) as meter:
                    present = find_present(images, name, delivery.digest, source, meter)
                if present:
                    print_one(describe(present), view)
                    return None
            rivals = find_rivals(images, name) if values["replace"] else []
            with taken_back():
                image = make_image(images, fields)
                image = deliver(images, image, source, delivery)
            failed = retire(images, image, rivals)
    print_one(describe(image), view)
    return 1 if failed else None


@contextmanager
def _open_source(file: str | None, size: int | None, unpacks: bool) -> Iterator[Source | None]:
    """The data from here; with --decompress what is in it."""
    if unpacks and size is not None:
        raise click.UsageError("--size says how long data is, which --decompress finds out: leave one of them out.")
    with open_source(file, size) as source:
        if not unpacks:
            yield source
            return
        if source is None:
            raise click.UsageError("--decompress needs data: give --file, or a pipe on standard input.")
        from .unpacking import unpack

        yield unpack(source)


def _collect(name: str, values: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = collect_properties(values)
    fields |= collect_fields(values, "id", "container_format", "disk_format") | {"name": name}
    fields |= {"tags": list(dict.fromkeys(values["tags"]))} if values["tags"] else {}
    return fields | ({"os_hidden": True} if values["hidden"] else {})


def _sign(source: Source | None, values: dict[str, Any]) -> dict[str, str]:
    path, certificate = values.pop("sign_key_path"), values.pop("sign_cert_id")
    if not path and not certificate:
        return {}
    from .signing import sign

    with choose_meter(values["progress"]) as meter:
        return sign(source, path, certificate, meter)


def _refuse_unsupported(values: dict[str, Any]) -> None:
    if values.pop("volume"):
        raise click.UsageError("--volume is not offered: this client speaks to no block storage service.")


def _choose_format(values: dict[str, Any], source: Source | None, *, is_file: bool) -> str:
    """The disk format that was said, or that of the data."""
    said, detects = values["disk_format"], values.pop("detects")
    if said:
        if detects:
            raise click.UsageError("--detect-format and --disk-format exclude each other.")
        return str(said)
    if source is None or values["container_format"] != "bare" or not (is_file if detects is None else detects):
        return "raw"
    from glancelite.formats import recognise

    head, tail = source.ends(1 << 20, 1 << 10)
    found = recognise(head, tail, source.length or len(head))
    if found in _DETECTED:
        note(f"The data is {found}: the image's disk format is set to that.")
        return found
    return "raw"


@click.command()
@click.argument("image")
@click.option("--file", "file", metavar="PATH", help="Upload this file; - is standard input.")
@click.option(
    "--size",
    type=click.IntRange(0),
    metavar="BYTES",
    help="How long the data is, when it comes by a pipe; 0 for no bytes.",
)
@click.option("--decompress", "unpacks", is_flag=True, help="The data is gzip, xz, bzip2 or zip: upload what is in it.")
@click.option("--progress", is_flag=True, help="Show how far it is.")
@click.option("--store", metavar="ID", help="Store to put the data in.")
@click.option(
    "--checksum",
    metavar="ALGORITHM:HEX",
    callback=read_digest,
    help="What the data must be, as sha256:…; other data is refused.",
)
def upload(
    image: str,
    file: str | None,
    size: int | None,
    unpacks: bool,
    progress: bool,
    store: str | None,
    checksum: Digest | None,
) -> None:
    """Upload the data of an image that has none yet, from --file or a pipe on standard input.

    The hash of what was sent is compared with the one that the service recorded; an image of other data is deactivated.
    """
    with _open_source(file, size, unpacks) as source, doing(f"upload the data of image '{image}'"):
        if source is None:
            raise click.UsageError("There is no data to upload: give --file, or a pipe on standard input.")
        images = open_images()
        found = images.find(image)
        compared_by = algorithm_for(images, source)
        with choose_meter(progress) as meter, Sending(source, meter, checksum, compared_by) as sending:
            try:
                images.upload(found["id"], sending.pieces(), source.length, upload_headers(store, checksum))
            except (ClientError, OSError, KeyboardInterrupt) as error:
                meter.close()
                message = f"Cannot upload the data of image '{image}'"
                status = _tell_status(images, found["id"])
                if isinstance(error, KeyboardInterrupt):
                    note(f"{message}: interrupted. {status}")
                    raise
                raise failure(f"{message}: {str(error).rstrip('.')}. {status}", error) from error
            try:
                sending.compare(images.show(found["id"]))
            except WrongHash as error:
                raise WrongHash(f"{error}. {_block(images, found['id'])}") from error


def _tell_status(images: Any, image_id: str) -> str:
    try:
        return f"The image is {images.show(image_id)['status']}."
    except ClientError as error:
        return f"What became of the image is not known: {error}"


def _block(images: Any, image_id: str) -> str:
    """Let nobody have data that nobody sent; the image was there before, and stays."""
    try:
        images.deactivate(image_id)
    except ClientError as error:
        return f"The image is ACTIVE with the wrong data, for it could not be deactivated: {error}"
    return "The image was deactivated: delete it, and upload anew."
