"""Changing an image by JSON patch."""

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from harness import PATCH_20, PATCH_21, Api

Operations = list[dict[str, Any]]
ACCEPTED = f"{PATCH_20}, {PATCH_21}"


def add(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


def replace(path: str, value: Any) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


def remove(path: str) -> dict[str, Any]:
    return {"op": "remove", "path": path}


def message(api: Api, image_id: str, *operations: dict[str, Any], media_type: str = PATCH_21) -> tuple[int, str]:
    reply = api.patch(image_id, list(operations), media_type)
    return reply.status, reply.json.get("message", "")


# What a patch does ----------------------------------------------------------------------------------------------------


def test_a_patch_answers_with_the_changed_image(api: Api) -> None:
    image = api.create(name="old", p="1")
    reply = api.patch(
        image["id"], [replace("/name", "new"), add("/q", "2"), remove("/p"), replace("/tags", ["b", "b"])]
    )
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    shown = api.show(image["id"])
    assert reply.json == shown
    assert (shown["name"], shown["q"], shown["tags"], "p" in shown) == ("new", "2", ["b"], False)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", None),
        ("name", ""),
        ("name", "Ü"),
        ("visibility", "private"),
        ("visibility", "community"),
        ("protected", True),
        ("os_hidden", True),
        ("min_disk", 5),
        ("min_ram", 2147483647),
        ("disk_format", "iso"),
        ("disk_format", None),
        ("container_format", "ova"),
        ("tags", []),
        ("tags", ["x"]),
        ("os_distro", "debian"),
        ("kernel_id", None),
        ("a/b~c", "escaped"),
        ("any key at all", "x" * 70000),
    ],
)
@pytest.mark.parametrize("verb", [add, replace])
def test_add_and_replace_set_a_field_or_a_property(
    api: Api, verb: Callable[[str, Any], dict[str, Any]], field: str, value: Any
) -> None:
    image = api.create(name="x", os_distro="old", kernel_id=str(uuid.uuid4()), **{"a/b~c": "", "any key at all": ""})
    path = "/" + field.replace("~", "~0").replace("/", "~1")
    reply = api.patch(image["id"], [verb(path, value)])
    assert (reply.status, reply.json.get(field)) == (200, value), reply.text
    assert api.show(image["id"])[field] == value


def test_operations_apply_in_their_order(api: Api) -> None:
    image = api.create()
    changed = api.patch(image["id"], [add("/p", "1"), replace("/p", "2"), remove("/p"), add("/p", "3")])
    assert changed.json["p"] == "3"
    assert api.patch(image["id"], [remove("/p"), add("/q", "x"), remove("/q")]).json.keys() == image.keys()


def test_a_patch_is_all_or_nothing(api: Api) -> None:
    image = api.create(name="old")
    for last in (replace("/none", "x"), remove("/none"), replace("/min_disk", -1), remove("/name")):
        assert api.patch(image["id"], [replace("/name", "new"), add("/p", "x"), last]).status >= 400
    assert api.show(image["id"]) == image


def test_an_empty_patch_changes_nothing_for_who_may_change(api: Api) -> None:
    image = api.create()
    reply = api.patch(image["id"], [])
    assert (reply.status, reply.json) == (200, image)
    assert api.as_reader().patch(image["id"], []).status == 403


def test_the_old_media_type_names_its_verb_as_a_key(api: Api) -> None:
    image = api.create(name="old", p="1", q="2")
    operations = [{"replace": "/name", "value": "new"}, {"remove": "/p"}, {"add": "/r", "value": "3"}]
    changed = api.patch(image["id"], operations, PATCH_20).json
    assert (changed["name"], "p" in changed, changed["r"]) == ("new", False, "3")
    assert api.patch(image["id"], [{"add": "/name", "value": "again"}], PATCH_20).json["name"] == "again"


def test_parameters_of_the_media_type_do_not_matter(api: Api) -> None:
    image = api.create()
    assert api.patch(image["id"], [], f"{PATCH_21}; charset=utf-8").status == 200


# What a patch may not say ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "media_type",
    ["", "application/json", "application/openstack-images-v2.2-json-patch", PATCH_21.upper(), "text/plain"],
)
def test_another_media_type_is_refused_with_those_that_are_taken(api: Api, media_type: str) -> None:
    for image_id in (api.create()["id"], str(uuid.uuid4())):
        reply = api.patch(image_id, [], media_type)
        assert (reply.status, reply.headers["Accept-Patch"]) == (415, ACCEPTED)


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b"null", b'"x"', b"[5]", b"[[]]", b"[null]", b"[" * 100_000])
@pytest.mark.parametrize("media_type", [PATCH_20, PATCH_21])
def test_a_body_that_is_no_list_of_operations_is_refused(api: Api, body: bytes, media_type: str) -> None:
    reply = api.patch(str(uuid.uuid4()), body, media_type)
    assert reply.status == 400, reply.text


@pytest.mark.parametrize(
    "operation",
    [
        {"path": "/name", "value": "x"},
        {"op": "replace", "value": "x"},
        {"op": "replace", "path": "/name"},
        {"op": "add", "path": "/p"},
        {"op": "test", "path": "/name", "value": "x"},
        {"op": "move", "path": "/p", "from": "/q"},
        {"op": "copy", "path": "/p", "from": "/q"},
        {"op": "ADD", "path": "/p", "value": "x"},
        {"op": None, "path": "/p", "value": "x"},
        {"op": ["add"], "path": "/p", "value": "x"},
        {"op": {}, "path": "/p", "value": "x"},
    ],
)
def test_an_operation_that_is_not_whole_is_refused(api: Api, operation: dict[str, Any]) -> None:
    assert api.patch(str(uuid.uuid4()), [operation]).status == 400


@pytest.mark.parametrize(
    "operation",
    [
        {"value": "x"},
        {"add": "/p"},
        {"add": "/p", "replace": "/p", "value": "x"},
        {"op": "add", "path": "/p", "value": "x"},
        {"test": "/p", "value": "x"},
        {"add": 5, "value": "x"},
    ],
)
def test_an_old_operation_that_is_not_whole_is_refused(api: Api, operation: dict[str, Any]) -> None:
    assert api.patch(str(uuid.uuid4()), [operation], PATCH_20).status == 400


@pytest.mark.parametrize(
    "path",
    ["", "name", "/", "//", "//name", "/name/", "/a//b", "/a/b", "/tags/-", "/tags/0", "/~", "/a~", "/~2", "/a~b",
     "/\ud800", "/\0", "/😀", 5, None, [], {"a": 1}, True],
)  # fmt: skip
@pytest.mark.parametrize("verb", ["add", "replace", "remove"])
def test_a_path_that_names_nothing_that_could_be_changed_is_refused(api: Api, verb: str, path: Any) -> None:
    operation = {"op": verb, "path": path, "value": "x"}
    assert api.patch(str(uuid.uuid4()), [operation]).status == 400


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/name", 5),
        ("/name", "x" * 256),
        ("/name", "😀"),
        ("/visibility", "secret"),
        ("/visibility", None),
        ("/visibility", ["public"]),
        ("/protected", "true"),
        ("/os_hidden", None),
        ("/min_disk", -1),
        ("/min_disk", 2147483648),
        ("/min_disk", 10**20),
        ("/min_disk", 1.5),
        ("/min_ram", True),
        ("/min_ram", "1"),
        ("/disk_format", "floppy"),
        ("/container_format", 5),
        ("/tags", "x"),
        ("/tags", None),
        ("/tags", [["x"]]),
        ("/tags", ["x" * 256]),
        ("/tags", ["\0"]),
        ("/owner", 5),
        ("/p", None),
        ("/p", 1),
        ("/p", {}),
        ("/p", ["x"]),
        ("/p", "\0"),
        ("/p", "\ud800"),
        ("/kernel_id", "x"),
        ("/" + "k" * 256, "x"),
    ],
)
@pytest.mark.parametrize("verb", [add, replace])
def test_a_value_that_does_not_fit_is_refused_before_the_image_is_looked_for(
    api: Api, verb: Callable[[str, Any], dict[str, Any]], path: str, value: Any
) -> None:
    assert api.patch(str(uuid.uuid4()), [verb(path, value)]).status == 400


FIXED = ("id", "status", "checksum", "size", "virtual_size", "direct_url", "self", "file", "schema", "created_at",
         "updated_at", "stores", "os_hash_algo", "os_hash_value")  # fmt: skip
RESERVED = ("location", "deleted", "deleted_at", "os_glance_x", "os_glancex")


@pytest.mark.parametrize("name", FIXED + RESERVED)
def test_names_that_the_service_owns_are_forbidden_to_everybody(api: Api, name: str) -> None:
    admin, image_id = api.as_admin(), api.create()["id"]
    for caller, target, operation in (
        (api, str(uuid.uuid4()), add(f"/{name}", "x")),
        (admin, image_id, replace(f"/{name}", 5)),
        (admin, image_id, remove(f"/{name}")),
    ):
        kind = "read-only" if name in FIXED else "reserved"
        assert message(caller, target, operation) == (403, f"Attribute '{name}' is {kind}.")


@pytest.mark.parametrize("operation", [add("/locations/-", {}), add("/locations/0", {}), replace("/locations", [])])
def test_locations_cannot_be_changed_where_they_are_not_shown(api: Api, operation: dict[str, Any]) -> None:
    assert api.as_admin().patch(api.create()["id"], [operation]).status == 403


@pytest.mark.parametrize("path", ["/locations", "/locations/0/1"])
@pytest.mark.parametrize("verb", ["add", "remove"])
def test_locations_are_added_and_removed_one_by_one(api: Api, path: str, verb: str) -> None:
    assert api.patch(str(uuid.uuid4()), [{"op": verb, "path": path, "value": []}]).status == 400


@pytest.mark.parametrize(
    "name",
    ["owner", "visibility", "name", "tags", "protected", "os_hidden", "min_disk", "min_ram", "disk_format",
     "container_format"],
)  # fmt: skip
def test_a_field_of_every_image_may_not_be_removed(api: Api, name: str) -> None:
    assert message(api, api.create()["id"], remove(f"/{name}")) == (403, f"Property '{name}' may not be removed.")


@pytest.mark.parametrize("operation", [replace("/p", "x"), remove("/p")])
def test_a_property_that_is_not_there_can_neither_be_replaced_nor_removed(api: Api, operation: dict[str, Any]) -> None:
    assert message(api, api.create()["id"], operation) == (409, "Property 'p' does not exist.")


def test_adding_a_property_that_is_there_replaces_it_but_not_in_the_old_form(api: Api) -> None:
    image = api.create(p="1")
    assert api.patch(image["id"], [add("/p", "2")]).json["p"] == "2"
    refused = message(api, image["id"], {"add": "/p", "value": "3"}, media_type=PATCH_20)
    assert refused == (409, "Property 'p' already present.")


@pytest.mark.parametrize(
    "name", ["image_id", "extra_properties", "base", "member", "get_data", "properties", "revision"]
)
def test_names_of_our_insides_are_plain_properties(api: Api, name: str) -> None:
    image = api.create()
    assert api.patch(image["id"], [add(f"/{name}", "x")]).json[name] == "x"
    assert name not in api.patch(image["id"], [remove(f"/{name}")]).json


@pytest.mark.parametrize("field", ["disk_format", "container_format"])
def test_formats_are_fixed_as_soon_as_there_is_data(api: Api, field: str) -> None:
    image = api.create_with(b"x")
    for value in (image[field], "ami"):
        status, text = message(api, image["id"], replace(f"/{field}", value))
        assert status == 403
        assert f"'{field}' can be replaced only for a queued image" in text


def test_metadata_of_an_active_image_may_change(api: Api) -> None:
    image = api.create_with(b"x")
    assert api.patch(image["id"], [replace("/name", "new"), add("/p", "q")]).status == 200


# Who may --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [add, replace])
def test_only_an_administrator_may_give_an_image_away(api: Api, verb: Callable[[str, Any], dict[str, Any]]) -> None:
    image = api.create()
    for owner in ("other", None, api.project):
        assert api.patch(image["id"], [verb("/owner", owner)]).status == 403
    assert api.show(image["id"]) == image
    assert api.as_admin().patch(image["id"], [verb("/owner", "other")]).json["owner"] == "other"
    assert api.get(image["self"]).status == 404


@pytest.mark.parametrize("verb", [add, replace])
def test_only_an_administrator_may_make_an_image_public(api: Api, verb: Callable[[str, Any], dict[str, Any]]) -> None:
    image = api.create()
    refused = message(api, image["id"], verb("/visibility", "public"))
    assert refused == (403, "You are not authorized to complete publicize_image action.")
    assert api.as_admin().patch(image["id"], [verb("/visibility", "public")]).status == 200
    assert api.patch(image["id"], [verb("/visibility", "shared")]).json["visibility"] == "shared"


def test_who_sees_an_image_without_being_its_owner_may_not_change_it(api: Api) -> None:
    image = api.as_admin().create(owner=api.project, visibility="public")
    operations = [replace("/name", "mine")]
    for caller in (api.as_stranger(), api.as_reader()):
        assert message(caller, image["id"], *operations) == (
            403,
            "You are not authorized to complete modify_image action.",
        )
    assert api.as_nobody().patch(image["id"], operations).status == 401
    assert api.patch(image["id"], operations).status == 200


def test_quotas_hold_for_what_grows(small: Callable[[], Api]) -> None:
    api = small()
    image = api.create(tags=["a", "b"], p="1", q="2")
    assert api.patch(image["id"], [replace("/tags", ["a", "b", "c"])]).status == 413
    assert api.patch(image["id"], [add("/r", "3")]).status == 413
    assert api.patch(image["id"], [remove("/p"), add("/r", "3"), replace("/tags", ["c", "d"])]).status == 200


# Rivals ---------------------------------------------------------------------------------------------------------------


def test_changes_made_at_once_are_all_kept(api: Api) -> None:
    image = api.create()
    statuses: list[int] = []

    def change(number: int) -> None:
        statuses.append(api.patch(image["id"], [add(f"/p{number}", "x")]).status)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 6
    assert {f"p{number}" for number in range(6)} <= api.show(image["id"]).keys()
