"""From query parameters to an ImageQuery."""

import pytest

from glancelite.domain.query import Condition, ImageQuery, parse_pairs, parse_query
from glancelite.errors import BadRequest, InvalidParameter

SECOND = 1_000_000


def parse(text: str) -> ImageQuery:
    return parse_query(parse_pairs(text), default_limit=25, max_limit=1000)


def conditions(text: str) -> list[tuple[str, str, tuple[object, ...]]]:
    return [(one.name, one.op, one.values) for one in parse(text).conditions]


def test_nothing_asked_is_the_first_page_of_the_newest() -> None:
    assert parse("") == ImageQuery(limit=25)
    assert parse("").sort == (("created_at", False), ("id", False))


def test_limits_are_capped_in_silence() -> None:
    assert [parse(f"limit={n}").limit for n in ("0", "7", "1000", "1001", "9" * 99)] == [0, 7, 1000, 1000, 1000]
    assert parse_query((), default_limit=25, max_limit=10).limit == 10


@pytest.mark.parametrize("text", ["-1", "", "x", "1.0", "%2B1", "%D9%A1", "1%0A"])
def test_a_limit_is_a_whole_number(text: str) -> None:
    with pytest.raises(InvalidParameter, match="limit"):
        parse(f"limit={text}")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a,b", ("a,b",)),
        ("eq:a,b", ("a,b",)),
        ("eq:", ("",)),
        ("in:a,b", ("a", "b")),
        ("in:a,,b", ("a", "", "b")),
        ("in:,", ("", "")),
        ("in:", ()),
        ("", ()),
        ('in:"a,b",c', ("a,b", "c")),
        ('in:"a\\"b"', ('a"b',)),
        ('in:"a\\\\"', ("a\\",)),
        ('in:""', ("",)),
        ("in: a", (" a",)),
        ("eq::a", (":a",)),
        ("eq:a b:c", ("a b:c",)),
        ('in:"a:b",c', ("a:b", "c")),
    ],
)
def test_operators_of_text(text: str, values: tuple[str, ...]) -> None:
    pairs = [("name", text)]
    query = parse_query(pairs, 25, 1000)
    assert query.conditions == (Condition("name", "in", values),)
    assert query.is_empty is (values == ())


@pytest.mark.parametrize(
    "text", ["ne:a", "x:", 'in:"a', 'in:"a"b', 'in:a"b"', "http://x", ":a", "a b:c", "é:x", "2026-01-01T10:00"]
)
def test_operators_that_there_are_not(text: str) -> None:
    with pytest.raises(InvalidParameter, match="name"):
        parse_query([("name", text)], 25, 1000)


@pytest.mark.parametrize(
    ("operator", "whole", "half"),
    [
        ("gt:", ("at_least", 1, None), ("at_least", 1, None)),
        ("gte:", ("at_least", 0, None), ("at_least", 1, None)),
        ("lt:", ("below", 0, None), ("below", 1, None)),
        ("lte:", ("below", 1, None), ("below", 1, None)),
        ("eq:", ("within", 0, 1), ("within", 1, 1)),
        ("", ("within", 0, 1), ("within", 1, 1)),
        ("neq:", ("outside", 0, 1), ("outside", 1, 1)),
    ],
)
def test_times_have_the_seconds_that_are_shown(
    operator: str, whole: tuple[object, ...], half: tuple[object, ...]
) -> None:
    for text, wanted in (("1970-01-01T00:00:00Z", whole), ("1970-01-01T00:00:00.5Z", half)):
        ((name, op, values),) = conditions(f"created_at={operator}{text}")
        seconds = tuple(value for value in wanted[1:] if value is not None)
        assert (name, op, values) == ("created_at", wanted[0], tuple(value * SECOND for value in seconds))  # type: ignore[operator]


@pytest.mark.parametrize(
    "text", ["", "x", "in:1970-01-01", "1970-01-01T00:00:00%2B99:00", "0001-01-01T00:00:00%2B01:00"]
)
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(InvalidParameter, match="updated_at"):
        parse(f"updated_at={text}")


def test_bounds_are_inclusive_and_never_larger_than_a_database_counts() -> None:
    assert conditions("size_min=3") == [("size", "at_least", (3,))]
    assert conditions("size_max=3") == [("size", "below", (4,))]
    ((_, _, (least,)),) = conditions("min_ram_min=" + "9" * 400)
    ((_, _, (most,)),) = conditions("min_disk_max=" + "9" * 400)
    assert least < most < 1 << 63  # type: ignore[operator]


def test_text_for_a_number_matches_nothing() -> None:
    assert conditions("size=x") == [("size", "in", ())]
    assert parse("size=x").is_empty
    assert conditions("size=%C2%B2") == [("size", "in", ())]
    assert conditions("virtual_size=5") == [("virtual_size", "in", (5,))]


def test_other_names_are_properties_and_tags_add_up() -> None:
    query = parse("os_distro=x&tag=a&tag=b&size_max_min=1&tags=c&deleted=true")
    assert query.properties == (("os_distro", "x"), ("size_max_min", "1"), ("tags", "c"))
    assert query.tags == ("a", "b")


def test_flags_are_words() -> None:
    assert parse("os_hidden=TRUE").os_hidden is True
    assert conditions("protected=false") == [("protected", "in", (False,))]
    for text in ("os_hidden=1", "os_hidden=", "protected=TRUE", "protected="):
        with pytest.raises(InvalidParameter):
            parse(text)


@pytest.mark.parametrize(
    ("text", "sort"),
    [
        ("sort=name:asc,size", "name+ size- created_at- id-"),
        ("sort= name:desc , id:asc", "name- id+ created_at-"),
        ("sort_key=name", "name- created_at- id-"),
        ("sort_key=name&sort_key=size&sort_dir=asc", "name+ size+ created_at- id-"),
        ("sort_key=name&sort_key=size&sort_dir=asc&sort_dir=desc", "name+ size- created_at- id-"),
        ("sort_dir=asc", "created_at+ id-"),
        ("sort=name:asc,name:desc", "name+ created_at- id-"),
        ("sort=id:asc", "id+ created_at-"),
    ],
)
def test_a_sort_is_made_a_total_order(text: str, sort: str) -> None:
    assert " ".join(f"{key}{'+' if up else '-'}" for key, up in parse(text).sort) == sort


@pytest.mark.parametrize("text", ["%ff=x", "x=%ff", "x=%ed%a0%80", "&".join(["x=1"] * 1001)])
def test_a_query_that_is_not_utf_8_or_endless_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        parse_pairs(text)
