"""Bodies against the schema, JSON from bytes, and characters that are not kept."""

from typing import Any

import pytest

from glancelite.domain.schemas import body_schema, image_schema
from glancelite.domain.validate import Validator, check_all_text, parse_json
from glancelite.errors import BadRequest, MalformedJson, SchemaViolation

VALIDATOR = Validator("image", body_schema(image_schema(("raw", "qcow2"), ("bare",))))


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"name": 5}, "5 is not valid for 'name': it must be of type null or string."),
        ({"min_disk": -1}, "-1 is not valid for 'min_disk': it must be at least 0."),
        ({"min_disk": 2**31}, "2147483648 is not valid for 'min_disk': it must be at most 2147483647."),
        ({"disk_format": "x"}, "\"x\" is not valid for 'disk_format': it must be one of null, raw, qcow2."),
        ({"id": "x"}, "\"x\" is not valid for 'id': it must be a UUID."),
        ({"tags": ["a", 5]}, "5 is not valid for 'tags.1': it must be of type string."),
        ({"k" * 256: "x"}, "names must be at most 255 characters long."),
        ([], "[] is not valid for 'body': it must be of type object."),
    ],
)
def test_a_violation_says_where_and_what(value: Any, sentence: str) -> None:
    with pytest.raises(SchemaViolation) as refusal:
        VALIDATOR.check(value)
    assert str(refusal.value).startswith("Provided object does not match schema 'image': ")
    assert str(refusal.value).endswith(sentence)


def test_a_long_value_is_not_repeated_whole() -> None:
    with pytest.raises(SchemaViolation) as refusal:
        VALIDATOR.check({"name": "x" * 5000})
    assert len(str(refusal.value)) < 250


def test_the_operators_formats_are_the_ones_that_are_taken() -> None:
    VALIDATOR.check({"disk_format": "qcow2", "container_format": None})
    with pytest.raises(SchemaViolation):
        VALIDATOR.check({"container_format": "ovf"})


@pytest.mark.parametrize("body", [b"", b"{", b"NaN", b'{"a": Infinity}', b"\xff", b"1" * 5000, b"[" * 200_000])
def test_bytes_that_are_not_json_are_malformed(body: bytes) -> None:
    with pytest.raises(MalformedJson):
        parse_json(body)


def test_json_is_read_as_it_is() -> None:
    assert parse_json(b'{"a": [1, 1.5, null, "\xc3\xbc"]}') == {"a": [1, 1.5, None, "ü"]}


@pytest.mark.parametrize("value", ["\0", "a\ud800", "\U0001f600", {"\0": 1}, {"a": ["x", {"b": "\0"}]}, ("\udfff",)])
def test_characters_that_are_not_kept_are_found_anywhere(value: Any) -> None:
    with pytest.raises(BadRequest, match=r"holds the character U\+"):
        check_all_text("It", value)


def test_every_other_character_is_kept() -> None:
    check_all_text("It", ["\uffff\u00e9\u6771\x01\x7f\n", {"ü": None}, 5, True])


def test_nesting_of_any_depth_is_walked() -> None:
    value: Any = "x"
    for _ in range(100_000):
        value = [value]
    check_all_text("It", value)
