"""Rules of lists: parameters that are ignored, repeated or named like our insides, and what a page tells."""

from collections.abc import Callable
from urllib.parse import quote

import pytest
from api.internals import INTERNALS
from harness import Api

SINGLE = {
    "limit": ("1", "2"),
    "visibility": ("private", "shared"),
    "member_status": ("all", "accepted"),
    "os_hidden": ("true", "false"),
    "protected": ("true", "false"),
    "name": ("none", "n"),
    "status": ("active", "queued"),
    "disk_format": ("iso", "raw"),
    "container_format": ("ova", "bare"),
    "min_ram": ("5", "0"),
    "min_ram_max": ("x", "0"),
    "size_min": ("x", "0"),
    "created_at": ("lt:2000-01-01", "gt:2000-01-01"),
    "updated_at": ("x", "gt:2000-01-01"),
    "p": ("other", "1"),
    "sort": ("size:asc", "name:asc"),
}
"""Parameters that count once, with a value that would change the answer and one that does not."""


def ids(api: Api, query: str) -> list[str]:
    return [image["id"] for image in api.list(f"visibility=shared&{query}")]


def test_every_parameter_that_counts_once_is_taken_from_its_last_place(api: Api) -> None:
    image_id = api.create_with(b"", name="n", p="1")["id"]
    queued = api.create(name="n", p="1")["id"]
    asked = SINGLE | {"owner": ("other", api.project)}
    for name, (first, last) in asked.items():
        whole = ids(api, f"{name}={last}")
        assert queued in whole or image_id in whole, name
        assert ids(api, f"{name}={first}&{name}={last}") == whole, name
    assert ids(api, f"marker=x&sort=created_at:asc&marker={image_id}") == [queued]


@pytest.mark.parametrize("value", ["true", "false", "", "x", "deleted"])
def test_deleted_is_no_filter(api: Api, value: str) -> None:
    gone, image_id = api.create()["self"], api.create()["id"]
    assert api.delete(gone).status == 204
    assert ids(api, f"deleted={value}") == [image_id]


@pytest.mark.parametrize("name", [*INTERNALS, "kernel_min", "name_max", "id_min", "virtual_size_min", "owner_max", ""])
def test_a_filter_of_any_other_name_finds_the_property_of_that_name(api: Api, name: str) -> None:
    image_id = api.create(**{name: "in:a,b"})["id"]
    api.create(**{name: "a"})
    api.create()
    asked = quote(name, safe="")
    assert ids(api, f"{asked}={quote('in:a,b')}") == [image_id]
    assert ids(api, f"{asked}=in") == []
    page = api.get(f"/v2/images?visibility=shared&limit=1&{asked}={quote('in:a,b')}").json
    assert ids(api, page["next"].partition("?")[2]) == []


@pytest.mark.parametrize("field", ["self", "file", "schema", "direct_url", "stores", "locations", "tags"])
def test_fields_without_a_filter_find_nothing_by_their_value(api: Api, field: str) -> None:
    image = api.create(tags=["t"])
    value = {"tags": "t", "schema": "/v2/schemas/image", "self": image["self"], "file": image["file"]}.get(field, "")
    assert ids(api, f"{field}={value}") == []


@pytest.mark.parametrize("name", ["id", "name", "status", "container_format", "disk_format"])
def test_an_empty_value_or_list_finds_nothing(api: Api, name: str) -> None:
    api.create(name="", disk_format=None, container_format=None)
    for value in ("", "in:"):
        assert ids(api, f"{name}={value}") == []


@pytest.mark.parametrize("name", ["id", "name", "status", "container_format", "disk_format"])
@pytest.mark.parametrize("value", ["a:b", ":a", "a b:c", "gt:a", "neq:a", "like:a", "EQ:a", "in :a", "\u00e9:a"])
def test_a_value_with_a_colon_and_no_known_operator_is_refused(api: Api, name: str, value: str) -> None:
    assert api.get(f"/v2/images?{name}={quote(value)}").status == 400
    exact = quote(f"eq:{value}")
    assert ids(api, f"{name}={exact}") == []


def test_an_image_with_a_colon_in_its_name_is_found_by_operators(api: Api) -> None:
    image_id = api.create(name="a b:c,d")["id"]
    assert ids(api, "name=eq:a%20b:c,d") == ids(api, 'name=in:"a%20b:c,d"') == [image_id]


def test_a_page_of_nothing_has_no_next_page_and_a_page_is_never_too_long(small: Callable[[], Api]) -> None:
    api = small()
    for _ in range(4):
        api.create()
    page = api.get("/v2/images?visibility=shared&limit=0").json
    assert (page["images"], "next" in page) == ([], False)
    page = api.get("/v2/images?visibility=shared&limit=99").json
    assert (len(page["images"]), "next" in page) == (4, False)  # not full, though the greatest length is 5
    api.create()
    page = api.get("/v2/images?visibility=shared&limit=99").json
    assert page["next"].startswith("/v2/images?visibility=shared&limit=99&marker=")


def test_every_page_names_its_schema_and_its_first_page(api: Api) -> None:
    for _ in range(3):
        api.create()
    first = api.get("/v2/images?visibility=shared&limit=1&sort=name:asc,id:desc").json
    second = api.get(first["next"]).json
    assert first["first"] == second["first"] == "/v2/images?visibility=shared&limit=1&sort=name%3Aasc%2Cid%3Adesc"
    assert first["schema"] == second["schema"] == "/v2/schemas/images"
    assert first.keys() == second.keys() == {"images", "first", "next", "schema"}


def test_a_marker_may_be_any_image_that_one_may_see_listed_or_not(api: Api) -> None:
    mine = [api.create()["id"] for _ in range(3)]
    hidden, community = api.create(os_hidden=True)["id"], api.as_stranger().create(visibility="community")["id"]
    shared = api.as_stranger()
    pending = shared.create()["id"]
    assert shared.post(f"/v2/images/{pending}/members", {"member": api.project}).status == 200
    for marker in (hidden, community, pending):
        assert ids(api, f"marker={marker}") == mine[::-1]
    assert api.as_stranger().get(f"/v2/images?marker={pending}").status == 400
