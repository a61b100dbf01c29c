"""Sorting a list, and walking it page by page."""

import itertools
import os
import uuid
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from harness import Api, Service

KEYS = ("name", "status", "container_format", "disk_format", "size", "id", "created_at", "updated_at")


@pytest.fixture(scope="module")
def shelf(service: Service) -> Api:
    """A project with thirty images: equal names, no names, no sizes, no formats among them."""
    api = Api(os.environ.get("GLANCELITE_URL") or service.url)
    for number in range(30):
        name = (None, "", "alpha", "Beta", "émile", f"n{number:02}")[number % 6]
        disk, container = ("raw", "iso", None)[number % 3], ("bare", None)[number % 2]
        image = api.create(name=name, disk_format=disk, container_format=container)
        if disk == "raw" and container:
            assert api.upload(image["id"], b"x" * (number % 4)).status == 204
    return api


def walk(api: Api, query: str) -> Iterator[list[dict[str, object]]]:
    """The pages of a list, as its own links lead through it."""
    link: str | None = f"/v2/images?visibility=shared&{query}"
    while link:
        reply = api.get(link)
        assert reply.status == 200, reply.text
        yield reply.json["images"]
        link = reply.json.get("next")


def ids(pages: Iterator[list[dict[str, object]]]) -> list[object]:
    return [image["id"] for page in pages for image in page]


def sorted_values(images: list[dict[str, object]], key: str) -> list[object]:
    """Values of a key where NULL is the least, as "" or 0."""
    return [image[key] if image[key] is not None else (0 if key == "size" else "") for image in images]


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("key", KEYS)
def test_every_sort_key_leads_through_all_images_once(shelf: Api, key: str, direction: str) -> None:
    sort = f"sort={key}:{direction}"
    whole = shelf.list(f"visibility=shared&limit=100&{sort}")
    assert len(whole) == 30
    values = sorted_values(whole, key)
    assert values == sorted(values, reverse=direction == "desc")  # type: ignore[type-var]
    for limit in (4, 30):
        pages = list(walk(shelf, f"limit={limit}&{sort}"))
        assert ids(iter(pages)) == [image["id"] for image in whole]
        assert all(len(page) == limit for page in pages[:-1])


@pytest.mark.parametrize("keys", list(itertools.permutations(("name", "size", "disk_format"), 2)))
def test_two_keys_in_two_directions_lead_through_all_images_once(shelf: Api, keys: tuple[str, str]) -> None:
    first, second = keys
    for sort in (f"sort={first}:asc,{second}:desc", f"sort_key={first}&sort_key={second}&sort_dir=asc&sort_dir=desc"):
        whole = shelf.list(f"visibility=shared&limit=100&{sort}")
        for _, group in itertools.groupby(whole, key=lambda image: image[first] or ""):
            values = sorted_values(list(group), second)
            assert values == sorted(values, reverse=True)  # type: ignore[type-var]
        assert ids(walk(shelf, f"limit=7&{sort}")) == [image["id"] for image in whole]


def test_the_newest_image_comes_first_by_default(api: Api) -> None:
    made = [api.create()["id"] for _ in range(5)]
    assert ids(walk(api, "limit=2")) == made[::-1]
    assert ids(walk(api, "sort_dir=asc")) == made
    assert ids(walk(api, "sort=created_at")) == made[::-1]


def test_a_key_without_direction_descends_and_blanks_do_not_matter(api: Api) -> None:
    made = {name: api.create(name=name)["id"] for name in "bac"}
    wanted = [made[name] for name in "cba"]
    for query in ("sort=name", "sort_key=name", "sort_key=name&sort_dir=desc", "sort=%20name:desc%20,%20id"):
        assert ids(walk(api, query)) == wanted
    assert ids(walk(api, "sort_key=name&sort_key=id&sort_dir=asc")) == wanted[::-1]


@pytest.mark.parametrize(
    "query",
    [
        "sort=owner",
        "sort=",
        "sort=name:",
        "sort=name:up",
        "sort=name:ASC",
        "sort=name,",
        "sort=name:asc:desc",
        "sort_key=min_ram",
        "sort_key=",
        "sort_key=name&sort_dir=up",
        "sort_key=name&sort_dir=asc&sort_dir=desc",
        "sort_key=name&sort_key=id&sort_key=size&sort_dir=asc&sort_dir=desc",
        "sort=name&sort_key=name",
        "sort=name&sort_dir=asc",
    ],
)
def test_a_sort_that_is_none_is_refused(api: Api, query: str) -> None:
    reply = api.get(f"/v2/images?{query}")
    assert reply.status == 400
    assert "query parameter 'sort" in reply.json["message"]


@pytest.mark.parametrize("limit", ["-1", "", "x", "1.0", "%2B1", "%D9%A1", "0x1"])
def test_a_limit_that_is_no_whole_number_is_refused(api: Api, limit: str) -> None:
    reply = api.get(f"/v2/images?limit={limit}")
    assert reply.status == 400
    assert "'limit'" in reply.json["message"]


def test_pages_have_a_default_length_and_a_greatest_one(small: Callable[[], Api]) -> None:
    api = small()
    for _ in range(6):
        api.create()
    own = "visibility=shared"
    assert len(api.list(own)) == 3
    assert len(api.list(f"{own}&limit=4")) == 4
    assert len(api.list(f"{own}&limit=1000")) == 5
    assert len(api.list(f"{own}&limit={'9' * 300}")) == 5
    assert len(ids(walk(api, "limit=1000"))) == 6


def test_a_full_page_has_a_next_link_even_if_nothing_follows(api: Api) -> None:
    made = [api.create()["id"] for _ in range(2)]
    page = api.get("/v2/images?visibility=shared&limit=2").json
    assert page["next"] == f"/v2/images?visibility=shared&limit=2&marker={made[0]}"
    last = api.get(page["next"]).json
    assert last["images"] == []
    assert "next" not in last
    assert "next" not in api.get("/v2/images?visibility=shared&limit=3").json


def test_links_keep_every_parameter_and_repeat_what_was_repeated(api: Api) -> None:
    marker = api.create(tags=["a", "b c"], name="ä&=")["id"]
    query = f"tag=a&tag={quote('b c')}&sort_key=name&sort_key=id&name={quote('ä&=')}&limit=1"
    page = api.get(f"/v2/images?{query}").json
    assert [image["id"] for image in page["images"]] == [marker]
    plain = query.replace("%20", "+")
    assert page["first"] == f"/v2/images?{plain}"
    assert page["next"] == f"/v2/images?{plain}&marker={marker}"
    again = api.get(page["next"]).json
    assert again["first"] == page["first"]
    assert again["images"] == []


def test_a_list_without_parameters_has_a_plain_first_link(api: Api) -> None:
    assert api.get("/v2/images").json["first"] == "/v2/images"


def test_of_a_parameter_that_is_given_twice_the_last_counts(api: Api) -> None:
    for name in "ab":
        api.create(name=name)
    assert len(api.list("visibility=shared&limit=2&limit=1")) == 1
    assert [image["name"] for image in api.list("visibility=shared&name=a&name=b")] == ["b"]


def test_a_marker_must_be_an_image_that_the_caller_can_see(api: Api) -> None:
    foreign, deleted = api.as_stranger().create()["id"], api.create()["id"]
    api.delete(f"/v2/images/{deleted}")
    answers = set()
    for marker in (foreign, deleted, str(uuid.uuid4())):
        reply = api.get(f"/v2/images?marker={marker}")
        answers.add((reply.status, reply.json["message"].replace(marker, "ID")))
    assert answers == {(400, "Marker 'ID' names no image that you can list.")}


@pytest.mark.parametrize("marker", ["", "x", "%00", "b9c3b3ad-156b-4a75-86b1-dbeeb6f8967e%0A"])
def test_a_marker_that_is_no_id_is_refused(api: Api, marker: str) -> None:
    reply = api.get(f"/v2/images?marker={marker}")
    assert reply.status == 400
    assert "'marker'" in reply.json["message"]


def test_a_marker_outside_the_filter_still_marks_its_place(api: Api) -> None:
    made = [api.create(name=name)["id"] for name in ("x", "y", "x")]
    assert [image["id"] for image in api.list(f"visibility=shared&name=x&marker={made[1]}")] == [made[0]]
