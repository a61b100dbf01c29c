"""How a new image gets its data: by an upload, by staging and an import, or by an import that fetches it. Where that
fails no image without data is left, unless it is asked for."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from glancelite.client.errors import ClientError, Refused, Unconnected, Unreachable, WaitedEnough, WrongHash
from glancelite.domain.digest import Digest

from .importing import await_import
from .progress import choose_meter, read_kind
from .sending import Sending, algorithm_for
from .service import failure, note
from .source import Source
from .ways import check_patience, check_stores, make_request

if TYPE_CHECKING:
    from glancelite.client.images import Image, Images

_WITHOUT_DATA = ("queued", "saving", "uploading")
_PAUSES = (0.5, 2.0)
"""Seconds before what was begun is deleted again, where the service has erred."""


@dataclass(frozen=True)
class Delivery:
    """What was asked for. `wanted` None: a plain upload; `store`, `digest`: of an upload, the latter of staging too."""

    wanted: Mapping[str, Any] | None
    store: str | None
    digest: Digest | None
    waits: bool
    patience: float | None
    has_progress: bool
    keeps_queued: bool

    @property
    def method(self) -> str:
        """The import method; empty for an upload."""
        return str(self.wanted["method"]["name"]) if self.wanted else ""

    @property
    def is_fetched(self) -> bool:
        """Does the service get the data by itself?"""
        return self.method not in ("", "glance-direct")

    def check_without_data(self) -> None:
        """A usage error for options that say what to do with data, where there is none."""
        given = {"--import": self.wanted, "--store": self.store, "--checksum": self.digest}
        for option, value in given.items():
            if value and not self.is_fetched:
                raise click.UsageError(f"{option} needs data: give --file, or a pipe on standard input.")

    def headers(self) -> dict[str, str]:
        """Headers of an upload."""
        return upload_headers(self.store, self.digest)


def upload_headers(store: str | None, digest: Digest | None) -> dict[str, str]:
    """Headers that say where data goes and what it must be."""
    headers = {"X-Image-Meta-Store": store} if store else {}
    return headers | ({"X-OpenStack-Image-Checksum": f"{digest.algorithm}:{digest.value}"} if digest else {})


def plan_delivery(values: Mapping[str, Any]) -> Delivery:
    """How the options want it; a usage error where they do not go together."""
    is_remote = any(values[name] for name in ("remote_region", "remote_image", "remote_service_interface"))
    method = "web-download" if values["uri"] else "glance-download" if is_remote else "glance-direct"
    wanted = make_request(method, values) if method != "glance-direct" or values["is_import"] else None
    read_kind()
    check_stores(values)
    check_patience(values["wait_timeout"], waits=values["wait"])
    if wanted is None and (values["all_stores"] or len(values["stores"]) > 1):
        raise click.UsageError("An upload goes to one store; several need --import.")
    return Delivery(
        wanted=wanted,
        store=values["stores"][0] if values["stores"] and wanted is None else None,
        digest=values["checksum"],
        waits=values["wait"],
        patience=values["wait_timeout"],
        has_progress=values["progress"],
        keeps_queued=values["keep_queued"],
    )


def make_image(images: "Images", fields: Mapping[str, Any]) -> "Image":
    """Make an image without data. Its id is chosen here, so that nothing is left of it when its answer is not heard."""
    chosen = {"id": str(uuid.uuid4()), **fields}
    try:
        return images.create(chosen)
    except (Unreachable, KeyboardInterrupt) as error:
        if "id" not in fields and not isinstance(error, Unconnected) and _withdraw(images, chosen["id"]):
            why = "interrupted" if isinstance(error, KeyboardInterrupt) else "its answer was lost"
            note(f"Cannot create image '{fields.get('name')}': {why}. The image was deleted again.")
        raise


def _withdraw(images: "Images", image_id: str) -> bool:
    """Delete an image of whose creation nothing was heard, which may come to pass a moment later; was there one?"""
    for pause in (_PAUSES[0], 0):
        try:
            images.delete(image_id)
        except ClientError as error:
            if not isinstance(error, Refused) or (error.status < 500 and error.status != 404):
                break
            time.sleep(pause)
        else:
            return True
    return False


def deliver(images: "Images", image: "Image", source: Source | None, delivery: Delivery) -> "Image":
    """Bring in the data of an image just made, and return the image then."""
    what, is_staged = "upload", False
    try:
        if source is not None:
            image = _send(images, image, source, delivery)
        if delivery.wanted is not None:
            what, is_staged = "import", not delivery.is_fetched
            images.start_import(image["id"], delivery.wanted)
            image = await_import(images, image, delivery.patience) if delivery.waits else images.show(image["id"])
        return image
    except WaitedEnough as error:
        raise failure(f"Image '{image.get('name')}' ({image['id']}): {error}", error) from error
    except (ClientError, OSError, KeyboardInterrupt) as error:
        may_be_active = what == "upload" and isinstance(error, (WrongHash, KeyboardInterrupt))
        end = _settle(images, image, delivery, is_staged=is_staged, may_be_active=may_be_active)
        what = f"Cannot {what} the data of image '{image.get('name')}' ({image['id']})"
        if isinstance(error, KeyboardInterrupt):
            note(f"{what}: interrupted. {end}")
            raise
        raise failure(f"{what}: {str(error).rstrip('.')}. {end}", error) from error


def _send(images: "Images", image: "Image", source: Source, delivery: Delivery) -> "Image":
    is_plain = delivery.wanted is None
    compared_by = algorithm_for(images, source) if is_plain else None
    with (
        choose_meter(delivery.has_progress) as meter,
        Sending(source, meter, delivery.digest, compared_by) as sending,
    ):
        if not is_plain:
            images.stage(image["id"], sending.pieces(), source.length)
            return image
        images.upload(image["id"], sending.pieces(), source.length, delivery.headers())
        image = images.show(image["id"])
        sending.compare(image)
        return image


def _settle(images: "Images", image: "Image", delivery: Delivery, *, is_staged: bool, may_be_active: bool) -> str:
    """Delete an image that got no data, or other data than was sent; not when it has some after all, as where only the
    answer was lost."""
    try:
        status = images.show(image["id"])["status"]
        if status == "uploading" and is_staged:
            return f"The image is uploading, its data staged: glancelite image import {image['id']} tries again."
        if status not in _WITHOUT_DATA and not may_be_active:
            return f"The image is {status}; it was left as it is."
        if delivery.keeps_queued and status in _WITHOUT_DATA:
            return "The image was left queued."
        _delete_patiently(images, image)
        return "The image was deleted again."
    except ClientError as error:
        is_gone = isinstance(error, Refused) and error.status == 404
        return "The image is gone." if is_gone else f"The image may be left on the service: {error}"


def _delete_patiently(images: "Images", image: "Image") -> None:
    """Delete it; again where the service errs: a Glance that was cut off a moment ago is still giving up the data."""
    for pause in _PAUSES:
        try:
            return _delete(images, image)
        except Refused as refused:
            if refused.status < 500:
                raise
        time.sleep(pause)
    return _delete(images, image)


def _delete(images: "Images", image: "Image") -> None:
    """Delete an image of ours, though it was made to be protected."""
    try:
        images.delete(image["id"])
    except Refused as refused:
        if refused.status != 403 or not image.get("protected"):
            raise
        images.update(image["id"], [{"op": "replace", "path": "/protected", "value": False}])
        images.delete(image["id"])
