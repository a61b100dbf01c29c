"""Between rows and values: an image from joined tuples, its columns from a value, and the search marks of both."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from ..domain.fields import COLUMNS
from ..domain.image import Image, Location, image_of

_NAMES = tuple(field.name for field in COLUMNS)
_BOOLEANS = tuple(field.name for field in COLUMNS if field.type == "boolean")
_AFTER = len(_NAMES)

IMAGE_NAMES = (*_NAMES, "properties", "tags", "revision")
LOCATION_NAMES = ("url", "store", "metadata", "blob")
"""The columns of an image and of each of its locations that `to_images` expects, with the membership between them."""


def to_images(rows: Iterable[Sequence[Any]]) -> tuple[Image, ...]:
    """Images from rows of IMAGE_NAMES, the caller's membership, LOCATION_NAMES; an image's rows stand together."""
    found: list[tuple[Sequence[Any], list[Location]]] = []
    for row in rows:
        if not found or found[-1][0][0] != row[0]:
            found.append((row, []))
        url, store, metadata, blob = row[_AFTER + 4 :]
        if url is not None:
            found[-1][1].append(Location(url, store, orjson.loads(metadata), blob))
    return tuple(_to_image(row, tuple(locations)) for row, locations in found)


def _to_image(row: Sequence[Any], locations: tuple[Location, ...]) -> Image:
    values = dict(zip(_NAMES, row, strict=False))
    for name in _BOOLEANS:
        values[name] = bool(values[name])
    properties, tags, revision, membership = row[_AFTER : _AFTER + 4]
    values["properties"] = {} if properties == "{}" else orjson.loads(properties)
    values["tags"] = () if tags == "[]" else tuple(orjson.loads(tags))
    values["revision"], values["membership"], values["locations"] = revision, membership, locations
    return image_of(values)


def columns_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Image values as columns: properties and tags become JSON, whatever has no column is left out."""
    columns = {name: value for name, value in values.items() if name in _NAMES}
    if "properties" in values:
        columns["properties"] = orjson.dumps(values["properties"]).decode()
    if "tags" in values:
        columns["tags"] = orjson.dumps(values["tags"]).decode()
    return columns


def tag_mark(tag: str) -> str:
    return _digest(f"t{tag}")


def property_mark(name: str, value: str | None) -> str:
    return _digest(f"p{name}\0{value or ''}")


def marks_of(properties: Mapping[str, str | None], tags: Iterable[str]) -> set[str]:
    """Every mark that finds this image."""
    return {property_mark(name, value) for name, value in properties.items()} | {tag_mark(tag) for tag in tags}


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
