"""What is there already of a name: the image --if-absent is content with, and the older ones that --replace deletes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from glancelite.client.errors import BadData, ClientError, Refused
from glancelite.client.query import filter_value

from .progress import Meter
from .sending import check_promise, hash_file

if TYPE_CHECKING:
    from glancelite.client.images import Image, Images
    from glancelite.domain.digest import Digest

    from .source import Source

_REPLACED = ("active", "deactivated")
"""What has data and is no longer worked on: another one's upload is not stopped."""


def find_present(
    images: "Images", name: str, digest: "Digest | None", source: "Source | None", meter: Meter
) -> "Image | None":
    """A visible image of this name that is active and, where that can be told, has the data that is there to be sent.

    The newest counts. A pipe cannot be compared without being used up: it is by --checksum only.
    """
    file = None if source is None or source.is_pipe else source
    found = _list(images, name, (("status", "active"),))
    if file is not None:
        found = [image for image in found if image.get("size") == file.length]
        if found and digest is not None:
            check_promise(digest, hash_file(file, digest.algorithm, meter))
    hashes: dict[str, str] = {digest.algorithm: digest.value} if digest else {}
    return next((image for image in found if _has(image, hashes, file, meter, is_any=not (file or digest))), None)


def _has(image: "Image", hashes: dict[str, str], file: "Source | None", meter: Meter, *, is_any: bool) -> bool:
    """Does the image have the data of this file, or of this hash?"""
    if is_any:
        return True
    import hashlib

    recorded = {str(image.get("os_hash_algo")): image.get("os_hash_value"), "md5": image.get("checksum")}
    recorded = {name: value for name, value in recorded.items() if value and name in hashlib.algorithms_available}
    if file is not None and recorded:
        algorithm = next(iter(recorded))
        hashes[algorithm] = hashes.get(algorithm) or hash_file(file, algorithm, meter)
    common = [name for name in recorded if name in hashes]
    if not common:
        raise BadData(
            f"image {image['id']} has this name, and its data cannot be compared: --checksum says "
            f"{', '.join(hashes)}, and the service recorded {', '.join(recorded) or 'nothing'}."
        )
    return recorded[common[0]] == hashes[common[0]]


def find_rivals(images: "Images", name: str) -> "list[Image]":
    """The images of this name that are there before the new one, hidden ones too."""
    return [*_list(images, name), *_list(images, name, (("os_hidden", "true"),))]


def retire(images: "Images", image: "Image", rivals: "Sequence[Image]") -> int:
    """Delete those of the rivals that are of the new image's owner, when it is active; how many could not be."""
    failed = 0
    for rival in rivals:
        is_ours = rival.get("owner") == image.get("owner") and rival["id"] != image["id"]
        if image.get("status") != "active" or not is_ours or rival.get("status") not in _REPLACED:
            continue
        try:
            images.delete(rival["id"])
        except ClientError as error:
            if isinstance(error, Refused) and error.status == 404:
                continue
            failed += 1
            click.echo(f"The older image {rival['id']} was not deleted: {error}", err=True)
    return failed


def _list(images: "Images", name: str, more: Sequence[tuple[str, str]] = ()) -> "list[Image]":
    return list(images.list([("name", filter_value(name)), *more, ("sort", "created_at:desc")]))
