"""Creating images: what a body may say, what it may not, and what comes of it."""

import re
import uuid
from collections.abc import Callable

import pytest
from harness import Api

UUID = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


def test_an_empty_object_makes_a_queued_image_with_every_default(api: Api) -> None:
    reply = api.post("/v2/images", {})
    assert reply.status == 201
    image = reply.json
    assert re.fullmatch(UUID, image["id"])
    assert image.pop("created_at") == image.pop("updated_at")
    assert image == {
        "id": image["id"],
        "name": None,
        "status": "queued",
        "visibility": "shared",
        "protected": False,
        "os_hidden": False,
        "checksum": None,
        "os_hash_algo": None,
        "os_hash_value": None,
        "owner": api.project,
        "size": None,
        "virtual_size": None,
        "container_format": None,
        "disk_format": None,
        "min_ram": 0,
        "min_disk": 0,
        "tags": [],
        "self": f"/v2/images/{image['id']}",
        "file": f"/v2/images/{image['id']}/file",
        "schema": "/v2/schemas/image",
    }


def test_times_are_shown_in_utc_to_the_second(api: Api) -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", api.create()["created_at"])


def test_location_is_the_absolute_url_of_the_new_image(api: Api) -> None:
    reply = api.post("/v2/images", {})
    assert reply.headers["Location"] == f"{api.url}/v2/images/{reply.json['id']}"
    assert reply.headers["Content-Type"] == "application/json"


def test_everything_a_body_says_is_kept_and_shown_again(api: Api) -> None:
    said = {
        "name": "Zürich – 東京",
        "visibility": "private",
        "protected": True,
        "os_hidden": True,
        "min_disk": 2147483647,
        "min_ram": 1,
        "disk_format": "qcow2",
        "container_format": "ovf",
        "kernel_id": None,
        "ramdisk_id": str(uuid.uuid4()),
        "os_distro": "debian",
        "hw_machine": 'q35; "x" <&>',
        "empty": "",
        "": "a property without a name",
        "long": "x" * 70000,
        "cinder_encryption_key_deletion_policy": "do_not_delete",
    }
    image = api.create(**said)
    assert {name: image[name] for name in said} == said
    assert api.show(image["id"]) == image


def test_a_caller_may_choose_the_id_in_any_case_of_letters(api: Api) -> None:
    chosen = str(uuid.uuid4()).upper()
    assert api.create(id=chosen)["id"] == chosen
    assert api.show(chosen)["self"] == f"/v2/images/{chosen}"
    assert api.get(f"/v2/images/{chosen.lower()}").status == 404


def test_an_id_is_taken_for_ever_even_when_its_image_is_deleted(api: Api) -> None:
    image = api.create()
    for caller in (api, api.as_stranger(), api.as_admin()):
        refused = caller.post("/v2/images", {"id": image["id"]})
        assert (refused.status, refused.json["message"]) == (409, f"Image ID {image['id']} already exists!")
    assert api.delete(image["self"]).status == 204
    assert api.post("/v2/images", {"id": image["id"]}).status == 409


def test_a_whole_number_may_be_written_with_a_fraction_of_zero(api: Api) -> None:
    reply = api.post("/v2/images", b'{"min_disk": 1.0}')
    assert (reply.status, reply.json["min_disk"]) == (201, 1)
    assert b'"min_disk":1,' in reply.body


def test_tags_are_a_set(api: Api) -> None:
    assert sorted(api.create(tags=["b", "a", "b", ""])["tags"]) == ["", "a", "b"]


def test_names_of_255_characters_fit_and_longer_ones_do_not(api: Api) -> None:
    long = "ä" * 255
    image = api.create(name=long, tags=[long], **{long: "x"})
    assert (image["name"], image["tags"], image[long]) == (long, [long], "x")
    for body in ({"name": long + "x"}, {"tags": [long + "x"]}, {long + "x": "x"}, {"owner": long + "x"}):
        assert api.post("/v2/images", body).status == 400


def test_of_a_repeated_key_the_last_counts(api: Api) -> None:
    assert api.post("/v2/images", b'{"name": "a", "name": "b"}').json["name"] == "b"


def test_the_media_type_of_a_body_does_not_matter_and_it_may_come_in_chunks(api: Api) -> None:
    assert api.post("/v2/images", {}, content_type="text/plain").status == 201
    chunked = api.post("/v2/images", iter([b'{"na', b'me": "chunked"}']))
    assert (chunked.status, chunked.json["name"]) == (201, "chunked")


@pytest.mark.parametrize("body", [None, b""])
def test_a_create_without_a_body_is_refused(api: Api, body: bytes | None) -> None:
    reply = api.request("POST", "/v2/images", body)
    assert (reply.status, reply.json["message"]) == (400, "Body expected in request.")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{}x",
        b'{"name": NaN}',
        b'{"min_ram": -Infinity}',
        b'{"name": "\xff"}',
        b'{"min_disk": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_not_json_is_refused(api: Api, body: bytes) -> None:
    reply = api.request("POST", "/v2/images", body)
    assert reply.status == 400
    assert reply.json["message"].startswith("Malformed JSON in request body")


@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"5", b"true"])
def test_what_is_not_an_object_is_refused(api: Api, body: bytes) -> None:
    reply = api.request("POST", "/v2/images", body)
    assert reply.status == 400
    assert "must be of type object" in reply.json["message"]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ('{"name": 5}', "name"),
        ('{"id": "not-a-uuid"}', "id"),
        ('{"id": "11111111-1111-1111-1111-111111111111\\n"}', "id"),
        ('{"id": null}', "id"),
        ('{"visibility": null}', "visibility"),
        ('{"visibility": "secret"}', "visibility"),
        ('{"visibility": ["public"]}', "visibility"),
        ('{"protected": "true"}', "protected"),
        ('{"protected": null}', "protected"),
        ('{"os_hidden": 1}', "os_hidden"),
        ('{"min_disk": -1}', "min_disk"),
        ('{"min_disk": 2147483648}', "min_disk"),
        ('{"min_disk": 100000000000000000000}', "min_disk"),
        ('{"min_disk": 1e40}', "min_disk"),
        ('{"min_disk": 1.5}', "min_disk"),
        ('{"min_ram": "1"}', "min_ram"),
        ('{"min_ram": null}', "min_ram"),
        ('{"min_ram": true}', "min_ram"),
        ('{"disk_format": "floppy"}', "disk_format"),
        ('{"disk_format": ""}', "disk_format"),
        ('{"container_format": "crate"}', "container_format"),
        ('{"tags": "a"}', "tags"),
        ('{"tags": null}', "tags"),
        ('{"tags": ["a", 1]}', "tags.1"),
        ('{"owner": 5}', "owner"),
        ('{"x": null}', "x"),
        ('{"x": 1}', "x"),
        ('{"x": false}', "x"),
        ('{"x": {}}', "x"),
        ('{"x": ["a"]}', "x"),
        ('{"kernel_id": "abc"}', "kernel_id"),
        ('{"os_distro": null}', "os_distro"),
        ('{"cinder_encryption_key_deletion_policy": "maybe"}', "cinder_encryption_key_deletion_policy"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_name(api: Api, body: str, place: str) -> None:
    reply = api.request("POST", "/v2/images", body.encode())
    assert reply.status == 400
    assert f"is not valid for '{place}'" in reply.json["message"]


@pytest.mark.parametrize("character", ["\\ud83d\\ude00", "😀", "\\ud800", "\\u0000"])
@pytest.mark.parametrize(
    "body", ['{"name": "%s"}', '{"x": "%s"}', '{"%s": "x"}', '{"tags": ["%s"]}', '{"owner": "%s"}']
)
def test_characters_that_not_every_database_keeps_are_refused(api: Api, body: str, character: str) -> None:
    reply = api.as_admin().request("POST", "/v2/images", (body % character).encode())
    assert reply.status == 400
    assert "which is not supported" in reply.json["message"]


READ_ONLY = ("status", "checksum", "size", "virtual_size", "direct_url", "self", "file", "schema", "created_at",
             "updated_at", "stores", "os_hash_algo", "os_hash_value")  # fmt: skip
RESERVED = ("location", "locations", "deleted", "deleted_at", "os_glance_import_task", "os_glancex", "os_glance")


@pytest.mark.parametrize("name", READ_ONLY)
def test_a_read_only_name_is_forbidden_whatever_its_value(api: Api, name: str) -> None:
    reply = api.post("/v2/images", {name: []})
    assert (reply.status, reply.json["message"]) == (403, f"Attribute '{name}' is read-only.")


@pytest.mark.parametrize("name", RESERVED)
def test_a_reserved_name_is_forbidden_to_everybody(api: Api, name: str) -> None:
    for caller, value in ((api, []), (api.as_admin(), "x")):
        reply = caller.post("/v2/images", {name: value})
        assert (reply.status, reply.json["message"]) == (403, f"Attribute '{name}' is reserved.")


def test_a_body_is_judged_in_order_names_then_values_then_permission(api: Api) -> None:
    reader = api.as_reader()
    assert "read-only" in api.post("/v2/images", {"name": 5, "deleted": "x", "size": 1}).json["message"]
    assert "reserved" in api.post("/v2/images", {"name": 5, "deleted": "x"}).json["message"]
    assert reader.post("/v2/images", {"name": 5}).status == 400
    assert reader.post("/v2/images", {"name": "\0"}).status == 400
    assert reader.post("/v2/images", {"name": "x"}).status == 403
    assert reader.post("/v2/images", {"tags": [str(n) for n in range(200)]}).status == 403


def test_only_an_administrator_may_create_for_another_owner(api: Api) -> None:
    admin = api.as_admin()
    assert api.create(owner=api.project)["owner"] == api.project
    for owner in ("another-project", None, ""):
        assert api.post("/v2/images", {"owner": owner}).status == 403
        assert admin.create(owner=owner)["owner"] == owner


def test_only_an_administrator_may_create_a_public_image(api: Api) -> None:
    refused = api.post("/v2/images", {"visibility": "public"})
    assert (refused.status, refused.json["message"]) == (
        403,
        "You are not authorized to complete publicize_image action.",
    )
    assert api.as_admin().create(visibility="public")["visibility"] == "public"
    for visibility in ("community", "shared", "private"):
        assert api.create(visibility=visibility)["visibility"] == visibility


def test_a_refused_create_leaves_no_image(api: Api) -> None:
    chosen = str(uuid.uuid4())
    assert api.post("/v2/images", {"id": chosen, "visibility": "public"}).status == 403
    assert api.create(id=chosen)["id"] == chosen


def test_tags_and_properties_have_quotas(small: Callable[[], Api]) -> None:
    api = small()
    api.create(tags=["a", "b", "a"], p="1", q="2")
    tags = api.post("/v2/images", {"tags": ["a", "b", "c"]})
    assert (tags.status, tags.json["message"]) == (
        413,
        "The limit on tags has been exceeded. Attempted: 3, maximum: 2.",
    )
    properties = api.post("/v2/images", {"p": "1", "q": "2", "r": "3"})
    assert properties.status == 413
    assert "additional properties" in properties.json["message"]
    assert api.post("/v2/images", {"tags": ["a", "b", "c"], "owner": "other"}).status == 403


def test_a_json_body_of_more_than_a_mebibyte_is_too_large(api: Api) -> None:
    body = b'{"x": "' + b"x" * (1 << 20) + b'"}'
    for sent in (body, iter([body])):
        reply = api.request("POST", "/v2/images", sent)
        assert reply.status == 413
        assert "larger than the 1048576 bytes" in reply.json["message"]
    assert api.list("visibility=shared") == []
