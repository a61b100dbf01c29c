"""The schemas of images and members, word for word but for their descriptions."""

from typing import Any

import pytest
from harness import Api

from glancelite.config import CONTAINER_FORMATS, DISK_FORMATS

STATUSES = [
    "queued", "saving", "active", "killed", "deleted", "uploading", "importing", "pending_delete", "deactivated",
]  # fmt: skip
UUID = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"
TEXT = {"type": "string"}
GIVEN = {"type": "string", "readOnly": True}
SIZE = {"type": ["null", "integer"], "readOnly": True}


def or_null(**rules: Any) -> dict[str, Any]:
    return {"type": ["null", "string"], **rules}


HASHES = {
    "type": "object",
    "writeOnly": True,
    "additionalProperties": False,
    "properties": {
        "checksum": {"type": "string", "minLength": 32, "maxLength": 32},
        "os_hash_algo": {"type": "string", "maxLength": 64},
        "os_hash_value": {"type": "string", "maxLength": 128},
    },
    "required": ["os_hash_algo", "os_hash_value"],
}
LOCATION = {
    "type": "object",
    "properties": {
        "url": {"type": "string", "maxLength": 255},
        "metadata": {"type": "object"},
        "validation_data": HASHES,
    },
    "required": ["url", "metadata"],
}
IMAGE = {
    "id": {"type": "string", "pattern": UUID},
    "name": or_null(maxLength=255),
    "status": GIVEN | {"enum": STATUSES},
    "visibility": {"type": "string", "enum": ["community", "public", "private", "shared"]},
    "protected": {"type": "boolean"},
    "os_hidden": {"type": "boolean"},
    "checksum": or_null(readOnly=True, maxLength=32),
    "os_hash_algo": or_null(readOnly=True, maxLength=64),
    "os_hash_value": or_null(readOnly=True, maxLength=128),
    "owner": or_null(maxLength=255),
    "size": SIZE,
    "virtual_size": SIZE,
    "container_format": or_null(enum=[None, *CONTAINER_FORMATS.split(",")]),
    "disk_format": or_null(enum=[None, *DISK_FORMATS.split(",")]),
    "created_at": GIVEN,
    "updated_at": GIVEN,
    "tags": {"type": "array", "items": {"type": "string", "maxLength": 255}},
    "direct_url": GIVEN,
    "self": GIVEN,
    "file": GIVEN,
    "stores": GIVEN,
    "schema": GIVEN,
    "min_ram": {"type": "integer"},
    "min_disk": {"type": "integer"},
    "locations": {"type": "array", "items": LOCATION},
}  # fmt: skip
MEMBER = {
    "member_id": TEXT,
    "image_id": {"type": "string", "pattern": UUID},
    "created_at": TEXT,
    "updated_at": TEXT,
    "status": {"type": "string", "enum": ["pending", "accepted", "rejected"]},
    "schema": GIVEN,
}
NAMES = ("image", "images", "member", "members")


def without_words(schema: Any) -> Any:
    """A schema without its descriptions, the values of an enumeration in order of their letters."""
    if isinstance(schema, list):
        return [without_words(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: without_words(value) for key, value in schema.items() if key != "description"}
    if "enum" in found:
        found["enum"] = sorted(found["enum"], key=str)
    return found


def test_each_field_of_an_image_has_its_rules(api: Api) -> None:
    properties = api.get("/v2/schemas/image").json["properties"]
    base = {name: rule for name, rule in properties.items() if rule.get("is_base", True)}
    assert without_words(base) == without_words(IMAGE)
    assert all("is_base" not in rule for rule in base.values())


def test_the_fields_of_an_image_are_those_of_its_schema(api: Api) -> None:
    image, properties = api.create_with(b"x"), api.get("/v2/schemas/image").json["properties"]
    optional = {"direct_url", "stores", "locations"}
    base = {name for name, rule in properties.items() if rule.get("is_base", True)}
    assert image.keys() == base - optional


def test_the_member_schemas_are_whole(api: Api) -> None:
    member = api.get("/v2/schemas/member").json
    assert without_words(member) == without_words({"name": "member", "properties": MEMBER})
    assert without_words(api.get("/v2/schemas/members").json) == without_words(
        {
            "name": "members",
            "properties": {
                "members": {"type": "array", "items": {"name": "member", "properties": MEMBER}},
                "schema": TEXT,
            },
            "links": [{"rel": "describedby", "href": "{schema}"}],
        }
    )
    image_id = api.create()["id"]
    assert api.post(f"/v2/images/{image_id}/members", {"member": "m"}).json.keys() == member["properties"].keys()


def test_the_page_schema_is_whole(api: Api) -> None:
    schema = api.get("/v2/schemas/images").json
    assert schema == {
        "name": "images",
        "properties": {
            "images": {"type": "array", "items": api.get("/v2/schemas/image").json},
            "first": TEXT,
            "next": TEXT,
            "schema": TEXT,
        },
        "links": [
            {"rel": "first", "href": "{first}"},
            {"rel": "next", "href": "{next}"},
            {"rel": "describedby", "href": "{schema}"},
        ],
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_only_got_and_takes_no_body(api: Api, name: str) -> None:
    path = f"/v2/schemas/{name}"
    assert api.get(path).headers["Content-Type"] == "application/json"
    for method in ("POST", "PUT", "PATCH", "DELETE", "HEAD"):
        reply = api.request(method, path)
        assert (reply.status, reply.headers["Allow"]) == (405, "GET")
    refused = api.request("GET", path, {})
    assert (refused.status, refused.json["message"]) == (400, "A body is not expected with this request.")


def test_a_schema_is_for_everybody_who_is_let_in(open_service) -> None:
    api = Api(open_service.url)
    for caller in (api, api.as_reader(), api.as_project("x", ""), api.as_nobody()):
        assert [caller.get(f"/v2/schemas/{name}").status for name in NAMES] == [200] * 4


def test_an_operators_schema_file_takes_the_place_of_the_known_properties(start_service, tmp_path) -> None:
    file = tmp_path / "schema-image.json"
    file.write_text('{"colour": {"type": "string", "enum": ["red", "blue"], "description": "Its colour."}}')
    api = Api(start_service(IMAGE_SCHEMA_FILE=str(file)).url)
    properties = api.get("/v2/schemas/image").json["properties"]
    more = {name: rule for name, rule in properties.items() if name not in IMAGE}
    assert more == {
        "colour": {"type": "string", "enum": ["red", "blue"], "description": "Its colour.", "is_base": False}
    }
    assert "required" not in api.get("/v2/schemas/image").json
    assert api.post("/v2/images", {"colour": "green"}).status == 400
    assert api.create(colour="red")["colour"] == "red"
