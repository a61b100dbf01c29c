"""JSON schemas made from the field table: the ones the API shows and the ones it checks bodies with."""

from collections.abc import Sequence
from typing import Any

from .fields import BY_NAME, FIELDS, INTEGER_MAX, KNOWN_PROPERTIES, UUID_PATTERN, Field

Schema = dict[str, Any]

LOCATION: Schema = {
    "type": "object",
    "properties": {
        "url": {"type": "string", "maxLength": 255},
        "metadata": {"type": "object"},
        "validation_data": {
            "description": "Values to be used to populate the corresponding image properties.",
            "type": "object",
            "writeOnly": True,
            "additionalProperties": False,
            "properties": {
                "checksum": {"type": "string", "minLength": 32, "maxLength": 32},
                "os_hash_algo": {"type": "string", "maxLength": 64},
                "os_hash_value": {"type": "string", "maxLength": 128},
            },
            "required": ["os_hash_algo", "os_hash_value"],
        },
    },
    "required": ["url", "metadata"],
}


def image_schema(disk_formats: Sequence[str], container_formats: Sequence[str]) -> Schema:
    """The schema of `/v2/schemas/image`."""
    properties = {field.name: _shown(field) for field in FIELDS}
    for name, formats in (("disk_format", disk_formats), ("container_format", container_formats)):
        properties[name]["enum"] = [None, *formats]
        del properties[name]["maxLength"]
    properties |= {name: rule | {"is_base": False} for name, rule in KNOWN_PROPERTIES.items()}
    return {
        "name": "image",
        "properties": properties,
        "additionalProperties": {"type": "string"},
        "links": [
            {"rel": "self", "href": "{self}"},
            {"rel": "enclosure", "href": "{file}"},
            {"rel": "describedby", "href": "{schema}"},
        ],
    }


def images_schema(image: Schema) -> Schema:
    """The schema of `/v2/schemas/images`."""
    text = {"type": "string"}
    return {
        "name": "images",
        "properties": {
            "images": {"type": "array", "items": image},
            "first": text,
            "next": text,
            "schema": text,
        },
        "links": [
            {"rel": "first", "href": "{first}"},
            {"rel": "next", "href": "{next}"},
            {"rel": "describedby", "href": "{schema}"},
        ],
    }


def body_schema(image: Schema) -> Schema:
    """What a create body must match, and the image that a patch makes: the shown schema with what it leaves unsaid."""
    properties = {name: dict(rule) for name, rule in image["properties"].items() if _is_settable(name)}
    for name in ("min_disk", "min_ram"):
        properties[name] |= {"minimum": 0, "maximum": INTEGER_MAX}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": properties,
        "propertyNames": {"maxLength": 255},
        "additionalProperties": {"type": "string"},
    }


def _is_settable(name: str) -> bool:
    return name in KNOWN_PROPERTIES or (name in BY_NAME and not BY_NAME[name].is_read_only and name != "locations")


def _shown(field: Field) -> Schema:
    schema: Schema = {"type": ["null", field.type] if field.nullable else field.type, "description": field.description}
    if field.name == "tags":
        schema["items"] = {"type": "string", "maxLength": field.max_length}
        return schema
    if field.name == "locations":
        schema["items"] = LOCATION
        return schema
    if field.is_read_only:
        schema["readOnly"] = True
    if field.enum:
        schema["enum"] = list(field.enum)
    elif field.pattern:
        schema["pattern"] = UUID_PATTERN
    elif field.type == "string" and field.max_length:
        schema["maxLength"] = field.max_length
    return schema
