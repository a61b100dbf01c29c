"""How a new image gets its data: by an upload, by staging and an import, or by an import that fetches it. Where that
fails no image without data is left, unless it is asked for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from glancelite.client.digest import promised
from glancelite.client.errors import ClientError
from glancelite.domain.digest import Digest

from .importing import await_import
from .progress import follow
from .service import note
from .source import Source
from .ways import check_stores, make_request

if TYPE_CHECKING:
    from glancelite.client.images import Image, Images

_WITHOUT_DATA = ("queued", "saving", "uploading")


@dataclass(frozen=True)
class Delivery:
    """What was asked for. `wanted` None: a plain upload; `store`, `digest`: of an upload, the latter of staging too."""

    wanted: Mapping[str, Any] | None
    store: str | None
    digest: Digest | None
    waits: bool
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

    def pieces(self, source: Source) -> Iterator[bytes]:
        """The data, checked and watched as asked for."""
        pieces = source.pieces()
        if self.digest:
            pieces = promised(pieces, self.digest.algorithm, self.digest.value)
        return follow(pieces, source.length) if self.has_progress else pieces

    def headers(self) -> dict[str, str]:
        """Headers of an upload."""
        digest = self.digest
        headers = {"X-Image-Meta-Store": self.store} if self.store else {}
        return headers | ({"X-OpenStack-Image-Checksum": f"{digest.algorithm}:{digest.value}"} if digest else {})


def plan_delivery(values: Mapping[str, Any]) -> Delivery:
    """How the options want it; a usage error where they do not go together."""
    is_remote = any(values[name] for name in ("remote_region", "remote_image", "remote_service_interface"))
    method = "web-download" if values["uri"] else "glance-download" if is_remote else "glance-direct"
    wanted = make_request(method, values) if method != "glance-direct" or values["is_import"] else None
    check_stores(values)
    if wanted is None and (values["all_stores"] or len(values["stores"]) > 1):
        raise click.UsageError("An upload goes to one store; several need --import.")
    return Delivery(
        wanted=wanted,
        store=values["stores"][0] if values["stores"] and wanted is None else None,
        digest=values["checksum"],
        waits=values["wait"],
        has_progress=values["progress"],
        keeps_queued=values["keep_queued"],
    )


def deliver(images: "Images", image: "Image", source: Source | None, delivery: Delivery) -> "Image":
    """Bring in the data of an image just made, and return the image then."""
    what, is_staged = "upload", False
    try:
        if source is not None:
            _send(images, image, source, delivery)
        if delivery.wanted is not None:
            what, is_staged = "import", not delivery.is_fetched
            images.start_import(image["id"], delivery.wanted)
            if delivery.waits:
                return await_import(images, image)
        return image if source is None and delivery.wanted is None else images.show(image["id"])
    except (ClientError, OSError, KeyboardInterrupt) as error:
        end = _settle(images, image["id"], is_staged, delivery.keeps_queued)
        what = f"Cannot {what} the data of image '{image.get('name')}' ({image['id']})"
        if isinstance(error, KeyboardInterrupt):
            note(f"{what}: interrupted. {end}")
            raise
        raise click.ClickException(f"{what}: {str(error).rstrip('.')}. {end}") from error


def _send(images: "Images", image: "Image", source: Source, delivery: Delivery) -> None:
    if delivery.wanted is not None:
        images.stage(image["id"], delivery.pieces(source), source.length)
    else:
        images.upload(image["id"], delivery.pieces(source), source.length, delivery.headers())


def _settle(images: "Images", image_id: str, is_staged: bool, keeps_queued: bool) -> str:
    """Delete an image that got no data; not when it has some after all, as where only the answer was lost."""
    try:
        status = images.show(image_id)["status"]
        if status == "uploading" and is_staged:
            return f"The image is uploading, its data staged: glancelite image import {image_id} tries again."
        if status not in _WITHOUT_DATA:
            return f"The image is {status}; it was left as it is."
        if keeps_queued:
            return "The image was left queued."
        images.delete(image_id)
        return "The image was deleted again."
    except ClientError as error:
        return f"The image may be left queued: {error}"
