"""The JSON schemas that the API shows."""

from harness import Api

BASE = {
    "id", "name", "status", "visibility", "protected", "os_hidden", "checksum", "os_hash_algo", "os_hash_value",
    "owner", "size", "virtual_size", "container_format", "disk_format", "created_at", "updated_at", "tags",
    "direct_url", "min_ram", "min_disk", "self", "file", "stores", "schema", "locations",
}  # fmt: skip
READ_ONLY = {
    "status", "checksum", "os_hash_algo", "os_hash_value", "size", "virtual_size", "created_at", "updated_at",
    "direct_url", "self", "file", "stores", "schema",
}  # fmt: skip
NULLABLE = {"name", "checksum", "os_hash_algo", "os_hash_value", "owner", "size", "virtual_size", "container_format",
            "disk_format", "kernel_id", "ramdisk_id"}  # fmt: skip


def test_the_image_schema_tells_fields_from_properties_and_what_may_be_written(api: Api) -> None:
    reply = api.get("/v2/schemas/image")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    schema = reply.json
    properties = schema.pop("properties")
    assert schema == {
        "name": "image",
        "additionalProperties": {"type": "string"},
        "links": [
            {"rel": "self", "href": "{self}"},
            {"rel": "enclosure", "href": "{file}"},
            {"rel": "describedby", "href": "{schema}"},
        ],
    }
    assert {name for name, rule in properties.items() if rule.get("is_base", True)} == BASE
    assert {name for name, rule in properties.items() if rule.get("readOnly")} == READ_ONLY
    assert {name for name, rule in properties.items() if "null" in rule["type"]} == NULLABLE
    assert all(rule["description"] for rule in properties.values())


def test_enumerations_and_lengths_are_in_the_schema(api: Api) -> None:
    properties = api.get("/v2/schemas/image").json["properties"]
    assert set(properties["visibility"]["enum"]) == {"public", "private", "shared", "community"}
    assert len(properties["status"]["enum"]) == 9
    assert properties["disk_format"]["enum"][0] is None
    assert set(properties["container_format"]["enum"]) >= {"bare", "ovf", "ova", "docker"}
    assert properties["id"]["pattern"].startswith("^([0-9a-fA-F]){8}-")
    lengths = {name: rule["maxLength"] for name, rule in properties.items() if "maxLength" in rule}
    assert lengths == {"name": 255, "owner": 255, "checksum": 32, "os_hash_algo": 64, "os_hash_value": 128}
    assert properties["tags"]["items"] == {"type": "string", "maxLength": 255}
    assert properties["locations"]["items"]["required"] == ["url", "metadata"]


def test_the_images_schema_is_a_page_of_images(api: Api) -> None:
    schema = api.get("/v2/schemas/images").json
    assert schema["name"] == "images"
    assert schema["properties"]["images"] == {"type": "array", "items": api.get("/v2/schemas/image").json}
    assert schema["properties"].keys() == {"images", "first", "next", "schema"}
    assert [link["rel"] for link in schema["links"]] == ["first", "next", "describedby"]


def test_schemas_are_for_everybody_who_is_known(api: Api) -> None:
    for path in ("/v2/schemas/image", "/v2/schemas/images"):
        assert api.as_project("x", "").get(path).status == 200
        assert api.as_nobody().get(path).status == 401
