"""Locations by PATCH: places outside that an image's data is kept at, entered and removed by its owner."""

import string
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..domain.context import Context
from ..domain.fields import missing_formats
from ..domain.image import Image, Location
from ..domain.patch import Change
from ..errors import (
    BadRequest,
    Conflict,
    Forbidden,
    FormatsNotSet,
    InvalidLocation,
    LastLocation,
    QuotaExceeded,
    StatusConflict,
)
from .images import require
from .services import Services

Sizes = dict[str, int]

_HASH_FIELDS = ("checksum", "os_hash_algo", "os_hash_value")


def change_locations(
    services: Services, context: Context, image: Image, changes: Sequence[Change], sizes: Sizes
) -> Image:
    """The image as it is after these changes of its locations; nothing is stored yet.

    `sizes` remembers what each place was found to hold, for a request that has to try again on top of a rival's.

    The first location of a queued image makes it active.
    """
    for change in changes:
        if change.verb == "remove":
            image = _remove(services, context, image, int(change.position[:9]))
            continue
        require(services, context, "set_image_location", image)
        if change.verb == "add":
            image = _add(services, image, change.value, change.position, sizes)
        else:
            image = _replace(services, image, change.value, sizes)
    return image


def _add(services: Services, image: Image, value: Mapping[str, Any], position: str, sizes: Sizes) -> Image:
    if image.status not in ("queued", "active"):
        raise StatusConflict(image_id=image.id, status=image.status, wanted="active")
    location, size = _look_at(services, value, sizes)
    if any((one.url, plain_metadata(one)) == (location.url, plain_metadata(location)) for one in image.locations):
        raise BadRequest(reason="This location with this metadata is there already.")
    if image.status == "active" and size != image.size:
        raise InvalidLocation(reason=f"there are {size} bytes, but the image has {image.size}.")
    _check_quota(services, len(image.locations) + 1)
    places = list(image.locations)
    places.insert(len(places) if position == "-" else int(position[:9]), location)
    image = replace(image, locations=tuple(places))
    given = value.get("validation_data")
    if image.status == "active":
        _compare_hashes(image, given)
        return image
    missing = ", ".join(missing_formats(image.disk_format, image.container_format))
    if missing:
        raise FormatsNotSet(image_id=image.id, missing=missing)
    return replace(image, status="active", size=size, **_hashes(services, given))


def _look_at(services: Services, value: Mapping[str, Any], sizes: Sizes) -> tuple[Location, int]:
    """The location and the size of what is there; InvalidLocation for a place no image can be read from."""
    url = value["url"]
    store = services.stores.find_foreign(url)
    if store is None:
        raise InvalidLocation(reason=f"there is no store that reads {url.partition(':')[0]:.20} URLs.")
    if url not in sizes:
        sizes[url] = store.size_url(url)
    size = sizes[url]
    if size <= 0:
        raise InvalidLocation(reason="the place does not say how many bytes there are, or there are none.")
    if size > services.config["image_size_cap"]:
        raise InvalidLocation(reason=f"there are {size} bytes, more than an image may have.")
    return Location(url, store.id, {**value["metadata"], "store": store.id}), size


def _check_quota(services: Services, attempted: int) -> None:
    maximum = services.config["image_location_quota"]
    if 0 <= maximum < attempted:
        raise QuotaExceeded(what="locations of an image", attempted=attempted, maximum=maximum)


def _hashes(services: Services, given: Mapping[str, str] | None) -> dict[str, Any]:
    """The hashes that the caller vouches for; Conflict where they are not of the kind this service keeps."""
    if given is None:
        return {}
    algorithm = services.config["hashing_algorithm"]
    if given["os_hash_algo"] != algorithm:
        raise Conflict(reason=f"os_hash_algo must be {algorithm}.")
    lengths = {"os_hash_value": services.hash_digits, "checksum": 32}
    for name, length in lengths.items():
        text = given.get(name)
        if text is not None and (len(text) != length or not set(text) <= set(string.hexdigits)):
            raise Conflict(reason=f"{name} must be {length} hexadecimal digits.")
    return {name: given[name] for name in _HASH_FIELDS if name in given}


def _compare_hashes(image: Image, given: Mapping[str, str] | None) -> None:
    for name in _HASH_FIELDS if given else ():
        if given and name in given and given[name] != getattr(image, name):
            raise Conflict(reason=f"{name} differs from that of image {image.id}.")


def _replace(services: Services, image: Image, values: Sequence[Mapping[str, Any]], sizes: Sizes) -> Image:
    """Other metadata for the same places; or all the first places of an image that has none yet."""
    if not values:
        raise Forbidden(reason="The locations of an image cannot be emptied.")
    if not image.locations:
        for value in values:
            image = _add(services, image, value, "-", sizes)
        return image
    if image.status != "active":
        raise StatusConflict(image_id=image.id, status=image.status, wanted="active")
    if sorted(value["url"] for value in values) != sorted(one.url for one in image.locations):
        raise BadRequest(reason="Replacing locations may change their metadata, not where they are.")
    left, changed = list(image.locations), []
    for value in values:
        one = left.pop(next(index for index, place in enumerate(left) if place.url == value["url"]))
        changed.append(replace(one, metadata={**value["metadata"], "store": one.store}))
    return replace(image, locations=tuple(changed))


def _remove(services: Services, context: Context, image: Image, index: int) -> Image:
    require(services, context, "delete_image_location", image)
    if image.status != "active":
        raise StatusConflict(image_id=image.id, status=image.status, wanted="active")
    if index >= len(image.locations):
        raise BadRequest(reason=f"Image {image.id} has no location {index}.")
    if len(image.locations) == 1:
        raise LastLocation(image_id=image.id)
    return replace(image, locations=image.locations[:index] + image.locations[index + 1 :])


def plain_metadata(location: Location) -> dict[str, Any]:
    """Metadata without what the service itself puts there."""
    return {name: value for name, value in location.metadata.items() if name != "store"}
