"""Filtering a list: by fields, with operators, by times and sizes, by tags and properties."""

import time
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from harness import Api


def found(api: Api, query: str) -> list[str]:
    """Names of the caller's own images that a query finds."""
    return sorted(image["name"] or "" for image in api.list(f"visibility=shared&{query}"))


def test_a_plain_value_may_hold_commas_and_is_compared_whole(api: Api) -> None:
    for name in ("a", "a,b", "b"):
        api.create(name=name)
    assert found(api, "name=a,b") == ["a,b"]
    assert found(api, "name=a") == ["a"]
    assert found(api, "name=A") == []
    assert found(api, "name=") == []


def test_a_value_with_a_colon_needs_an_operator_in_front(api: Api) -> None:
    api.create(name="na:me")
    assert found(api, "name=eq:na:me") == ["na:me"]
    assert found(api, "name=in:na:me,x") == ["na:me"]
    assert api.get("/v2/images?name=na:me").status == 400


def test_in_takes_a_list_whose_items_may_be_quoted(api: Api) -> None:
    for name in ("a", "b", "c,d", 'say "x"', ""):
        api.create(name=name)
    assert found(api, "name=in:a,b") == ["a", "b"]
    assert found(api, 'name=in:a,"c,d"') == ["a", "c,d"]
    assert found(api, "name=in:" + quote('"say \\"x\\"",b')) == ["b", 'say "x"']
    assert found(api, "name=in:a,") == ["", "a"]
    assert found(api, "name=in:") == []
    assert found(api, "name=eq:") == [""]


@pytest.mark.parametrize(
    "query", ['name=in:"a', 'name=in:"a"b', 'name=in:a"b"', "name=gt:a", "name=neq:a", "status=x:y"]
)
def test_bad_quoting_and_other_operators_are_refused(api: Api, query: str) -> None:
    reply = api.get(f"/v2/images?{quote(query, safe='=:,')}")
    assert reply.status == 400
    assert f"'{query.partition('=')[0]}'" in reply.json["message"]


def test_each_field_with_operators_is_found_by_value_and_by_list(api: Api) -> None:
    image = api.create_with(b"x", name="one", disk_format="raw", container_format="bare")
    api.create(name="two", disk_format="iso", container_format="ova")
    for field in ("id", "name", "status", "disk_format", "container_format"):
        value = image[field]
        for query in (value, f"eq:{value}", f"in:{value},other"):
            assert found(api, f"{field}={query}") == ["one"], (field, query)
    assert found(api, "status=in:active,queued") == ["one", "two"]
    assert found(api, f"id={image['id'].upper()}") == []
    assert found(api, "status=nonsense") == []


def test_protected_takes_true_and_false_and_nothing_else(api: Api) -> None:
    api.create(name="safe", protected=True)
    api.create(name="plain")
    assert found(api, "protected=true") == ["safe"]
    assert found(api, "protected=false") == ["plain"]
    for value in ("True", "1", ""):
        assert api.get(f"/v2/images?protected={value}").status == 400


def test_sizes_are_found_by_value_and_by_inclusive_bounds(api: Api) -> None:
    for size in (3, 4, 5):
        api.create_with(b"x" * size, name=str(size), min_disk=size, min_ram=size)
    api.create(name="queued", min_disk=9, min_ram=9)
    assert found(api, "size=4") == ["4"]
    for field, beyond in (("size", []), ("min_disk", ["queued"]), ("min_ram", ["queued"])):
        assert found(api, f"{field}_min=4") == ["4", "5", *beyond]
        assert found(api, f"{field}_max=4") == ["3", "4"]
        assert found(api, f"{field}_min=4&{field}_max=4") == ["4"]
        assert found(api, f"{field}={4}") == ["4"]
        assert found(api, f"{field}=four") == []
    huge = "9" * 300
    assert found(api, f"size_min={huge}") == []
    assert found(api, f"size_max={huge}") == ["3", "4", "5"]
    assert found(api, f"size_min=-{huge}") == ["3", "4", "5"]
    assert found(api, f"size={huge}") == []
    assert found(api, "virtual_size=4") == ["4"]
    assert found(api, "virtual_size=x") == []


@pytest.mark.parametrize("name", ["size_min", "size_max", "min_disk_min", "min_disk_max", "min_ram_min", "min_ram_max"])
@pytest.mark.parametrize("value", ["x", "", "1.5", "1e3", "%C2%B2", "0x1"])
def test_a_bound_that_is_no_whole_number_is_refused(api: Api, name: str, value: str) -> None:
    reply = api.get(f"/v2/images?{name}={value}")
    assert reply.status == 400
    assert name in reply.json["message"]


def test_hashes_and_owner_are_found_by_plain_value(api: Api) -> None:
    image = api.create_with(b"some bytes", name="x")
    api.create(name="y")
    for field in ("checksum", "os_hash_value"):
        assert found(api, f"{field}={image[field]}") == ["x"]
        assert found(api, f"{field}=eq:{image[field]}") == []
    assert found(api, "os_hash_algo=sha512") == ["x"]
    assert found(api, f"owner={api.project}") == ["x", "y"]
    assert found(api, "owner=other") == []


def moments(api: Api) -> tuple[str, str, str]:
    """An image made and touched in different seconds: the seconds before, in, and after its `updated_at`."""
    image = api.create(name="x")
    made = datetime.strptime(image["created_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return tuple((made + timedelta(seconds=n)).strftime("%Y-%m-%dT%H:%M:%SZ") for n in (-1, 0, 1))  # type: ignore[return-value]


@pytest.mark.parametrize("field", ["created_at", "updated_at"])
@pytest.mark.parametrize(
    ("operator", "wanted"),
    [
        ("", (False, True, False)),
        ("eq:", (False, True, False)),
        ("neq:", (True, False, True)),
        ("gt:", (True, False, False)),
        ("gte:", (True, True, False)),
        ("lt:", (False, False, True)),
        ("lte:", (False, True, True)),
    ],
)
def test_times_are_compared_by_the_second_as_they_are_shown(
    api: Api, field: str, operator: str, wanted: tuple[bool, ...]
) -> None:
    answers = tuple(found(api, f"{field}={operator}{moment}") == ["x"] for moment in moments(api))
    assert answers == wanted


@pytest.mark.parametrize(
    "form", ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y%m%dT%H%M%SZ", "%Y-%m-%dT%H:%M:%S+00:00"]
)
def test_any_form_of_iso_8601_is_understood(api: Api, form: str) -> None:
    _, now, _ = moments(api)
    text = datetime.strptime(now, "%Y-%m-%dT%H:%M:%SZ").strftime(form)
    assert found(api, f"created_at=eq:{quote(text)}") == ["x"]


def test_a_time_may_have_another_zone(api: Api) -> None:
    _, now, _ = moments(api)
    there = datetime.fromisoformat(now) + timedelta(hours=2)
    assert found(api, f"created_at={quote(there.strftime('%Y-%m-%dT%H:%M:%S') + '+02:00')}") == ["x"]
    assert found(api, "created_at=gt:0001-01-01") == ["x"]
    assert found(api, "created_at=lt:9999-12-31T23:59:59Z") == ["x"]


@pytest.mark.parametrize(
    "value", ["", "now", "gt:", "in:2020-01-01", "2020-13-01", "0001-01-01T00:00:00%2B23:00", "12"]
)
def test_a_time_that_is_none_is_refused(api: Api, value: str) -> None:
    for field in ("created_at", "updated_at"):
        reply = api.get(f"/v2/images?{field}={value}")
        assert reply.status == 400
        assert field in reply.json["message"]


def test_updated_at_moves_with_a_change_and_created_at_stays(api: Api) -> None:
    image = api.create(name="x")
    time.sleep(1.01)
    changed = api.patch(image["id"], [{"op": "add", "path": "/p", "value": "q"}]).json
    assert changed["created_at"] == image["created_at"]
    assert changed["updated_at"] > image["updated_at"]
    assert found(api, f"updated_at=gt:{image['updated_at']}") == ["x"]


def test_several_tags_must_all_be_there(api: Api) -> None:
    api.create(name="both", tags=["a", "ü b"])
    api.create(name="one", tags=["a"])
    assert found(api, "tag=a") == ["both", "one"]
    assert found(api, "tag=a&tag=%C3%BC%20b") == ["both"]
    assert found(api, "tag=a&tag=a") == ["both", "one"]
    assert found(api, "tag=none") == []
    assert found(api, "tag=in:a,b") == []
    assert found(api, "tags=a") == []


def test_any_other_name_is_a_property_and_compared_whole(api: Api) -> None:
    api.create(name="deb", os_distro="debian", hw_x="1")
    api.create(name="rpm", os_distro="fedora", hw_x="1", hw_y="a:b")
    assert found(api, "os_distro=debian") == ["deb"]
    assert found(api, "hw_x=1") == ["deb", "rpm"]
    assert found(api, "hw_x=1&os_distro=fedora") == ["rpm"]
    assert found(api, "hw_y=a:b") == ["rpm"]
    assert found(api, "hw_x=in:1,2") == []
    assert found(api, "hw_z=1") == []


def test_a_property_filter_follows_what_a_patch_changes(api: Api) -> None:
    image = api.create(name="x", p="old", gone="1", tags=["old"])
    operations = [
        {"op": "replace", "path": "/p", "value": "new"},
        {"op": "remove", "path": "/gone"},
        {"op": "replace", "path": "/tags", "value": ["new"]},
    ]
    assert api.patch(image["id"], operations).status == 200
    assert [found(api, query) for query in ("p=old", "gone=1", "tag=old")] == [[], [], []]
    assert [found(api, query) for query in ("p=new", "tag=new")] == [["x"], ["x"]]


@pytest.mark.parametrize(
    "name", ["members", "properties", "locations", "tags", "self", "foo_min", "name_max", "image_id"]
)
def test_names_of_our_insides_are_properties_like_others(api: Api, name: str) -> None:
    assert found(api, f"{name}=1") == []


def test_more_properties_than_a_statement_could_nest_may_be_asked_for(api: Api) -> None:
    properties = {f"p{n}": "1" for n in range(120)}
    api.create(name="x", **properties)
    asked = "&".join(f"{name}={value}" for name, value in properties.items())
    assert found(api, asked) == ["x"]
    assert found(api, f"{asked}&q=1") == []
    assert found(api, "&".join(f"q{n}=1" for n in range(400))) == []


def test_filters_are_joined_by_and(api: Api) -> None:
    api.create(name="x", min_ram=1)
    api.create(name="x", min_ram=2, tags=["t"])
    assert len(found(api, "name=x")) == 2
    assert len(found(api, "name=x&min_ram=2&tag=t")) == 1
    assert found(api, "name=y&min_ram=2&tag=t") == []


@pytest.mark.parametrize("query", ["name=%FF", "%FF=x", "changes-since=2020-01-01"])
def test_queries_that_cannot_be_understood_are_refused(api: Api, query: str) -> None:
    assert api.get(f"/v2/images?{query}").status == 400


@pytest.mark.parametrize("character", ["%00", "%F0%9F%98%80", "%C3%BC", "'", '"', "%25", "\\", "_"])
def test_odd_characters_find_nothing_and_break_nothing(api: Api, character: str) -> None:
    api.create(name="plain")
    for field in ("name", "tag", "owner", "p", "size", "checksum"):
        assert found(api, f"{field}={quote(character, safe='%')}") == []
