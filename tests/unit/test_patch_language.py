"""From the body of a patch to changes, and from changes to an image's new values."""

from typing import Any

import pytest

from glancelite.domain.image import Image
from glancelite.domain.patch import MEDIA_TYPES, Change, apply_patch, parse_patch, to_field_value
from glancelite.domain.schemas import body_schema, image_schema
from glancelite.domain.validate import Validator
from glancelite.errors import (
    AttributeNotRemovable,
    BadRequest,
    FormatFrozen,
    GlanceliteError,
    PropertyExists,
    PropertyMissing,
    ReadOnlyAttribute,
    ReservedAttribute,
    UnsupportedMediaType,
)

OLD, NEW = MEDIA_TYPES
VALIDATOR = Validator("image", body_schema(image_schema(("raw",), ("bare",))))
IMAGE = Image(id="x", properties={"p": "1", "q": None}, tags=("a",), disk_format="raw")


def parse(*operations: Any, media_type: str = NEW) -> tuple[Change, ...]:
    return parse_patch(media_type, list(operations), VALIDATOR)


def test_both_forms_become_the_same_changes_but_for_their_strictness() -> None:
    new = parse({"op": "add", "path": "/p", "value": "x"}, {"op": "remove", "path": "/q"})
    old = parse({"add": "/p", "value": "x"}, {"remove": "/q"}, media_type=OLD)
    assert new == (Change("add", "p", "x"), Change("remove", "q"))
    assert old == (Change("add", "p", "x", strict=True), Change("remove", "q"))


def test_a_pointer_is_decoded_once() -> None:
    assert parse({"op": "add", "path": "/a~1b~0c~01", "value": "x"})[0].name == "a/b~c~1"


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        ({"op": "replace", "path": "/size", "value": 1}, ReadOnlyAttribute),
        ({"op": "replace", "path": "/id", "value": "x"}, ReadOnlyAttribute),
        ({"op": "remove", "path": "/os_glance_x"}, ReservedAttribute),
        ({"op": "remove", "path": "/name"}, AttributeNotRemovable),
        ({"op": "replace", "path": "/name", "value": 1}, BadRequest),
        ({"op": "replace", "path": "/disk_format", "value": "qcow2"}, BadRequest),
        ({"op": "move", "path": "/name"}, BadRequest),
        ({"op": "add", "path": "/a/b", "value": "x"}, BadRequest),
        ("text", BadRequest),
    ],
)
def test_what_cannot_be_is_refused_without_an_image(operation: Any, error: type[GlanceliteError]) -> None:
    with pytest.raises(error):
        parse(operation)


def test_an_unknown_media_type_is_refused_whatever_the_body() -> None:
    with pytest.raises(UnsupportedMediaType) as refusal:
        parse_patch("application/json", None, VALIDATOR)
    assert refusal.value.headers == {"Accept-Patch": f"{OLD}, {NEW}"}


def test_a_shape_is_judged_before_any_name_or_value() -> None:
    with pytest.raises(BadRequest, match="must be JSON objects"):
        parse({"op": "replace", "path": "/size", "value": 1}, 5)


def test_changes_give_new_values_of_what_they_touch_and_nothing_else() -> None:
    changes = parse(
        {"op": "replace", "path": "/name", "value": "n"},
        {"op": "replace", "path": "/tags", "value": ["b", "a", "b"]},
        {"op": "add", "path": "/min_disk", "value": 2.0},
        {"op": "replace", "path": "/p", "value": "2"},
        {"op": "remove", "path": "/q"},
    )
    values = apply_patch(IMAGE, changes)
    assert values == {"name": "n", "tags": ("b", "a"), "min_disk": 2, "properties": {"p": "2"}}
    assert isinstance(values["min_disk"], int)
    assert apply_patch(IMAGE, ()) == {}


def test_properties_that_end_as_they_began_are_no_change() -> None:
    changes = parse({"op": "add", "path": "/r", "value": "x"}, {"op": "remove", "path": "/r"})
    assert apply_patch(IMAGE, changes) == {}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (Change("add", "p", "x", strict=True), PropertyExists),
        (Change("replace", "none", "x"), PropertyMissing),
        (Change("remove", "none"), PropertyMissing),
    ],
)
def test_a_property_must_be_there_or_not_as_the_change_says(change: Change, error: type[GlanceliteError]) -> None:
    with pytest.raises(error):
        apply_patch(IMAGE, (change,))


def test_formats_are_frozen_when_an_image_is_not_queued_any_more() -> None:
    change = Change("replace", "disk_format", "raw")
    assert apply_patch(IMAGE, (change,)) == {"disk_format": "raw"}
    for status in ("saving", "active", "deactivated"):
        with pytest.raises(FormatFrozen):
            apply_patch(Image(id="x", status=status), (change,))


def test_values_become_what_an_image_holds() -> None:
    assert to_field_value("tags", ["a", "a"]) == ("a",)
    assert to_field_value("min_ram", 3.0) == 3
    assert to_field_value("name", None) is None
