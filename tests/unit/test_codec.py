"""Values and errors on the registry's wire."""

import json
import time

import pytest

from glancelite.domain.context import Context
from glancelite.domain.image import Image, Location
from glancelite.domain.ports import Intent
from glancelite.domain.query import Condition, ImageQuery
from glancelite.errors import RegistryUnavailable, StatusConflict
from glancelite.registry import codec

LOCATION = Location("u", "s", {"k": 1}, "b")
VALUES = (
    (Context("p", "u", ("a", "b"), ("s",), "req-1", True), Context),
    (Image("x", name="ü", properties={"a": None, "b": ""}, tags=("t",), locations=(LOCATION,)), Image),
    (ImageQuery(5, conditions=(Condition("size", "within", (1, 2)),), sort=(("id", True),)), ImageQuery),
    (Intent("k", "i", "s", "p", declared=0, quota=None), Intent),
    ((1, "a"), tuple[int, str]),
    ((), tuple[str, ...]),
    (None, int | None),
    (7, int | None),
)


@pytest.mark.parametrize(("value", "kind"), VALUES)
def test_a_value_comes_out_as_it_went_in(value: object, kind: object) -> None:
    wire = json.loads(codec.to_wire(value))
    assert codec.from_wire(kind, wire) == value


def test_an_error_comes_out_as_it_went_in() -> None:
    error = StatusConflict(image_id="x", status="active", wanted="saving")
    found = codec.error_from_wire(json.loads(codec.error_to_wire(error)))
    assert (type(found), found.details, str(found)) == (StatusConflict, error.details, str(error))


@pytest.mark.parametrize(
    "document", [{}, [], None, {"code": "unknown", "details": {}}, {"code": "conflict", "details": {}}]
)
def test_an_error_that_is_not_understood_is_an_outcome_that_is_not_known(document: object) -> None:
    assert type(codec.error_from_wire(document)) is RegistryUnavailable


KEY = b"secret"


def test_a_signature_counts_for_its_operation_body_key_and_time_only() -> None:
    headers = codec.sign(KEY, "show_image", b"{}")
    assert codec.is_signed(KEY, "show_image", b"{}", headers)
    assert not codec.is_signed(KEY, "delete_image", b"{}", headers)
    assert not codec.is_signed(KEY, "show_image", b"{ }", headers)
    assert not codec.is_signed(b"other", "show_image", b"{}", headers)
    assert not codec.is_signed(KEY, "show_image", b"{}", {})
    assert not codec.is_signed(KEY, "show_image", b"{}", headers | {codec.DATE_HEADER: f"{time.time():.2f}"})


@pytest.mark.parametrize("date", ["", "x", "nan", "inf", "-inf", "1e999"])
def test_a_date_that_is_none_is_never_signed(date: str) -> None:
    signature = codec._digest(KEY, "show_image", date, b"")
    assert not codec.is_signed(KEY, "show_image", b"", {codec.DATE_HEADER: date, codec.SIGNATURE_HEADER: signature})


@pytest.mark.parametrize("age", [codec.MAX_SKEW + 5, -codec.MAX_SKEW - 5])
def test_an_old_signature_or_one_of_the_future_is_none(age: float) -> None:
    date = f"{time.time() - age:.3f}"
    signature = codec._digest(KEY, "show_image", date, b"")
    assert not codec.is_signed(KEY, "show_image", b"", {codec.DATE_HEADER: date, codec.SIGNATURE_HEADER: signature})
