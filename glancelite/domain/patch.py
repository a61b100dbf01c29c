"""Glance's JSON patch: a body becomes changes, and changes become an image's new values.

`parse_patch` knows the body only (its refusals come before the image is looked for), `apply_patch` knows the image.
Who may make which change is decided by the use-case.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import (
    AttributeNotRemovable,
    BadRequest,
    Forbidden,
    FormatFrozen,
    PropertyExists,
    PropertyMissing,
    ReadOnlyAttribute,
    ReservedAttribute,
    UnsupportedMediaType,
)
from .fields import BY_NAME, is_read_only, is_reserved
from .image import Image
from .validate import Validator, check_all_text, check_integers

MEDIA_TYPES = (
    "application/openstack-images-v2.0-json-patch",
    "application/openstack-images-v2.1-json-patch",
)
_VERBS = ("add", "replace", "remove")
_FROZEN = ("disk_format", "container_format")
_KEY_MAX = 255
_BAD_ESCAPE = re.compile(r"~(?![01])")
_INDEX = re.compile(r"0|[1-9]\d*", re.ASCII)


@dataclass(frozen=True)
class Change:
    """One operation: `verb` is add, replace or remove; `strict` says that add refuses a property that is there;
    `position` is the place in the list of locations: a number, or - for its end.
    """

    verb: str
    name: str
    value: Any = None
    strict: bool = False
    position: str = ""


def parse_patch(media_type: str, body: Any, validator: Validator, *, has_locations: bool = False) -> tuple[Change, ...]:
    """The changes a body asks for; raises 415 for another media type, 400 for a malformed body, 403 for fixed names.

    `has_locations`: does this service let locations be seen and changed?
    """
    if media_type not in MEDIA_TYPES:
        raise UnsupportedMediaType(
            reason=f"A patch must have one of the media types {', '.join(MEDIA_TYPES)}.",
            accept_patch=", ".join(MEDIA_TYPES),
        )
    if not isinstance(body, list):
        raise BadRequest(reason="Request body must be a JSON array of operation objects.")
    is_old = media_type == MEDIA_TYPES[0]
    changes = tuple(_parse_change(_members(item, is_old), is_old) for item in body)
    for change in changes:
        _check_change(change, validator, has_locations)
    return changes


def _members(item: Any, is_old: bool) -> tuple[str, Any, Mapping[str, Any]]:
    """Verb, path and the whole operation, from either form."""
    if not isinstance(item, dict):
        raise BadRequest(reason="Operations must be JSON objects.")
    if is_old:
        verbs = [verb for verb in _VERBS if verb in item]
        if len(verbs) != 1:
            raise BadRequest(reason=f"Operation objects must contain exactly one member of {', '.join(_VERBS)}.")
        return verbs[0], item[verbs[0]], item
    for member in ("op", "path"):
        if member not in item:
            raise BadRequest(reason=f"Unable to find '{member}' in JSON Schema change")
    verb = item["op"]
    if not isinstance(verb, str) or verb not in _VERBS:
        raise BadRequest(reason=f"Operations must be one of {', '.join(_VERBS)}; this one is {verb!r:.80}.")
    return verb, item["path"], item


def _parse_change(members: tuple[str, Any, Mapping[str, Any]], is_old: bool) -> Change:
    verb, path, item = members
    name, position = _parse_path(path, verb)
    if verb == "remove":
        return Change(verb, name, position=position)
    if "value" not in item:
        raise BadRequest(reason=f"Operation '{verb}' of path '{path}' requires a member named 'value'.")
    return Change(verb, name, item["value"], strict=is_old, position=position)


def _parse_path(path: Any, verb: str) -> tuple[str, str]:
    """The property that a JSON pointer names, and a place in it."""
    if not isinstance(path, str):
        raise BadRequest(reason=f"A path must be a string; this one is {path!r:.80}.")
    if not path.startswith("/"):
        raise BadRequest(reason=f'Pointer `{path}` does not start with "/".')
    if path == "/" or "//" in path or path.endswith("/"):
        raise BadRequest(reason=f"Pointer `{path}` contains an empty part.")
    if _BAD_ESCAPE.search(path):
        raise BadRequest(reason=f'Pointer `{path}` contains "~" that is not part of "~0" or "~1".')
    check_all_text("A path", path)
    parts = [part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/")]
    _check_depth(parts, path, verb)
    return parts[0], parts[1] if len(parts) > 1 else ""


def _check_depth(parts: Sequence[str], path: str, verb: str) -> None:
    wanted = 2 if parts[0] == "locations" and verb in ("add", "remove") else 1
    if len(parts) != wanted:
        raise BadRequest(reason=f"Invalid JSON pointer for this resource: '{path}'.")


def _check_change(change: Change, validator: Validator, has_locations: bool) -> None:
    name = change.name
    if is_read_only(name) or name == "id":
        raise ReadOnlyAttribute(name=name)
    if is_reserved(name):
        raise ReservedAttribute(name=name)
    if name == "locations":
        _check_location_change(change, validator, has_locations)
        return
    if change.verb == "remove":
        if name in BY_NAME:
            raise AttributeNotRemovable(name=name)
        return
    if len(name) > _KEY_MAX:
        raise BadRequest(reason=f"The property name '{name[:40]}…' is longer than {_KEY_MAX} characters.")
    check_all_text(f"The value of '{name}'", change.value)
    validator.check({name: change.value})


def _check_location_change(change: Change, validator: Validator, has_locations: bool) -> None:
    if not has_locations:
        raise Forbidden(reason="It is not allowed to change locations: this service does not show them.")
    is_end = (change.verb, change.position) == ("add", "-")
    if change.verb != "replace" and not (is_end or _INDEX.fullmatch(change.position)):
        raise BadRequest(reason=f"'{change.position}' is no place in the list of locations.")
    if change.verb != "remove":
        check_all_text("A location", change.value)
        check_integers("A location", change.value)
        validator.check({"locations": [change.value] if change.verb == "add" else change.value})


May = Callable[[str, str], bool]
"""May this caller do an operation (create, read, update, delete) to a property of this name?"""


def apply_patch(image: Image, changes: Sequence[Change], may: May = lambda operation, name: True) -> dict[str, Any]:
    """The values that the changes give the image: field names, and `properties` and `tags` as a whole.

    Properties that the caller may not read stay as they are: for who cannot see them they are not there.
    """
    values: dict[str, Any] = {}
    properties = dict(image.properties)
    for change in changes:
        if change.name == "locations":
            continue  # they are checked against stores, which nothing here knows
        if change.name in BY_NAME:
            values[change.name] = _field_value(image, change)
        else:
            _change_property(properties, change, may)
    if properties != image.properties:
        values["properties"] = properties
    return values


def _field_value(image: Image, change: Change) -> Any:
    if change.name in _FROZEN and image.status != "queued":
        raise FormatFrozen(name=change.name, image_id=image.id, status=image.status)
    return to_field_value(change.name, change.value)


def to_field_value(name: str, value: Any) -> Any:
    """A JSON value as the Image holds it: tags without repetition, whole numbers as int."""
    if name == "tags":
        return tuple(dict.fromkeys(value))
    return int(value) if BY_NAME[name].type == "integer" and value is not None else value


def _change_property(properties: dict[str, str | None], change: Change, may: May) -> None:
    exists = change.name in properties and may("read", change.name)
    if change.verb == "add" and change.strict and exists:
        raise PropertyExists(name=change.name)
    if change.verb != "add" and not exists:
        raise PropertyMissing(name=change.name)
    operation = "delete" if change.verb == "remove" else "update" if exists else "create"
    if not may(operation, change.name) or (change.name in properties and not exists):
        raise ReservedAttribute(name=change.name)
    if change.verb == "remove":
        del properties[change.name]
    else:
        properties[change.name] = change.value
