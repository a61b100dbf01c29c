"""The status machine, who sees an image, and the field table behind it."""

from dataclasses import fields

import pytest

from glancelite.domain.context import Context
from glancelite.domain.fields import BY_NAME, COLUMNS, STATUSES, VISIBILITIES, is_read_only, is_reserved
from glancelite.domain.image import TRANSITIONS, Image, check_transition, format_time, is_visible
from glancelite.errors import StatusConflict

ALLOWED = {
    "queued": "saving uploading importing active deleted",
    "saving": "active killed deleted queued",
    "uploading": "importing queued deleted",
    "importing": "active deleted queued",
    "active": "pending_delete deleted deactivated",
    "deactivated": "active deleted",
    "killed": "deleted",
    "pending_delete": "deleted active",
    "deleted": "",
}


@pytest.mark.parametrize("status", STATUSES)
def test_an_image_goes_from_a_status_only_where_it_may(status: str) -> None:
    image = Image(id="x", status=status)
    for wanted in STATUSES:
        if wanted in ALLOWED[status].split():
            check_transition(image, wanted)
        else:
            with pytest.raises(StatusConflict, match=f"from {status} to {wanted} is not allowed"):
                check_transition(image, wanted)


def test_every_status_has_its_transitions() -> None:
    assert set(TRANSITIONS) == set(STATUSES)


def seen(context: Context, owner: str | None, status: str = "active") -> set[str]:
    """The visibilities that let this caller see an image."""
    return {v for v in VISIBILITIES if is_visible(Image(id="x", owner=owner, visibility=v, status=status), context)}


EVERY = set(VISIBILITIES)


@pytest.mark.parametrize(
    ("context", "owner", "visible"),
    [
        (Context(project_id="mine"), "mine", EVERY),
        (Context(project_id="mine"), "theirs", {"public", "community"}),
        (Context(project_id="mine"), None, EVERY - {"private"}),
        (Context(project_id="other", roles=("admin",)), "theirs", EVERY),
        (Context(project_id="other", roles=("admin",)), None, EVERY),
        (Context(), "theirs", {"public", "community"}),
        (Context(), None, EVERY - {"private"}),
    ],
)
def test_who_sees_an_image(context: Context, owner: str | None, visible: set[str]) -> None:
    assert seen(context, owner) == visible
    for status in ("deleted", "pending_delete"):
        assert seen(context, owner, status) == set()


def test_an_image_has_the_fields_of_the_table_and_what_hangs_on_it() -> None:
    extra = {"properties", "tags", "locations", "revision", "membership"}
    assert {field.name for field in fields(Image)} == {field.name for field in COLUMNS} | extra


def test_an_image_starts_with_the_tables_defaults() -> None:
    image = Image(id="x")
    for field in COLUMNS:
        if field.name not in ("id", "created_at", "updated_at"):
            assert getattr(image, field.name) == field.default, field.name


def test_the_names_that_are_not_for_callers() -> None:
    assert [
        name for name in ("location", "deleted", "deleted_at", "os_glance", "os_glancex") if not is_reserved(name)
    ] == []
    assert not is_reserved("os_hidden")
    assert not is_reserved("locations")
    assert is_read_only("size")
    assert not is_read_only("id")
    assert not is_read_only("anything")


def test_what_filters_and_sorts_is_a_column() -> None:
    assert [
        field.name for field in BY_NAME.values() if (field.filter or field.is_sort_key) and not field.is_column
    ] == []


def test_time_is_told_by_the_second() -> None:
    assert format_time(0) == "1970-01-01T00:00:00Z"
    assert format_time(1_999_999) == "1970-01-01T00:00:01Z"
    assert format_time(1_769_860_800_000_000) == "2026-01-31T12:00:00Z"
