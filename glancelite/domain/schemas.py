"""JSON schemas made from the field table: the ones the API shows and the ones it checks bodies with."""

from collections.abc import Mapping, Sequence
from typing import Any

from .fields import BY_NAME, FIELDS, INTEGER_MAX, KNOWN_PROPERTIES, UUID_PATTERN, Field
from .task import STATUSES, TYPES

Schema = dict[str, Any]

LOCATION: Schema = {
    "type": "object",
    "properties": {
        "url": {"type": "string", "maxLength": 255},
        "metadata": {"type": "object"},
        "validation_data": {
            "description": "Hashes that the data is known to have.",
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


def image_schema(
    disk_formats: Sequence[str],
    container_formats: Sequence[str],
    known: Mapping[str, Schema] = KNOWN_PROPERTIES,
    required: Sequence[str] = (),
) -> Schema:
    """The schema of `/v2/schemas/image`; `known` are the additional properties with rules of their own."""
    properties = {field.name: _shown(field) for field in FIELDS}
    for name, formats in (("disk_format", disk_formats), ("container_format", container_formats)):
        properties[name]["enum"] = [None, *formats]
        del properties[name]["maxLength"]
    properties |= {name: dict(rule) | {"is_base": False} for name, rule in known.items() if name not in BY_NAME}
    return {
        "name": "image",
        "properties": properties,
        **({"required": list(required)} if required else {}),
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


def member_schema() -> Schema:
    """The schema of `/v2/schemas/member`."""
    return {
        "name": "member",
        "properties": {
            "member_id": {"type": "string", "description": "The project that the image is shared with."},
            "image_id": {"type": "string", "description": "The image that is shared.", "pattern": UUID_PATTERN},
            "created_at": {"type": "string", "description": "When it was shared, in UTC."},
            "updated_at": {"type": "string", "description": "When the entry last changed, in UTC."},
            "status": {
                "type": "string",
                "description": "What the project says to it.",
                "enum": ["pending", "accepted", "rejected"],
            },
            "schema": {"type": "string", "readOnly": True},
        },
    }


def members_schema() -> Schema:
    """The schema of `/v2/schemas/members`."""
    return {
        "name": "members",
        "properties": {"members": {"type": "array", "items": member_schema()}, "schema": {"type": "string"}},
        "links": [{"rel": "describedby", "href": "{schema}"}],
    }


def task_schema() -> Schema:
    """The schema of `/v2/schemas/task`."""
    text: Schema = {"type": "string"}
    return {
        "name": "task",
        "properties": {
            "id": {"type": "string", "description": "The task's id.", "pattern": UUID_PATTERN},
            "type": {"type": "string", "description": "What kind of work it is.", "enum": list(TYPES)},
            "status": {"type": "string", "description": "How far it is.", "enum": list(STATUSES)},
            "input": {"type": ["null", "object"], "description": "What was asked for."},
            "result": {"type": ["null", "object"], "description": "What came of it."},
            "owner": text | {"description": "The project that asked for it."},
            "message": text | {"description": "What is being done, or why it failed."},
            "image_id": text | {"description": "The image that it is about."},
            "request_id": text | {"description": "The request that asked for it."},
            "user_id": text | {"description": "Who asked for it."},
            "expires_at": {"type": ["null", "string"], "description": "When it is forgotten, in UTC."},
            "created_at": text | {"description": "When it was asked for, in UTC."},
            "updated_at": text | {"description": "When something was last heard of it, in UTC."},
            "self": {"type": "string", "readOnly": True},
            "schema": {"type": "string", "readOnly": True},
        },
    }


def tasks_schema() -> Schema:
    """The schema of `/v2/schemas/tasks`."""
    text: Schema = {"type": "string"}
    return {
        "name": "tasks",
        "properties": {
            "tasks": {"type": "array", "items": task_schema()},
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
    settable = [name for name in image["properties"] if name not in BY_NAME or _is_settable(BY_NAME[name])]
    properties = {name: dict(image["properties"][name]) for name in settable}
    for name in ("min_disk", "min_ram"):
        properties[name] |= {"minimum": 0, "maximum": INTEGER_MAX}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": properties,
        "propertyNames": {"maxLength": 255},
        "additionalProperties": {"type": "string"},
    }


def nullable_properties(image: Schema) -> frozenset[str]:
    """Additional properties that may be null; any other is shown as text."""
    return frozenset(
        name for name, rule in image["properties"].items() if name not in BY_NAME and "null" in rule.get("type", ())
    )


def parse_image_properties(document: Any) -> tuple[dict[str, Schema], tuple[str, ...]]:
    """Additional properties and required names from an operator's file: a map of schemas, or an object that has one.

    Raises ValueError for what is neither.
    """
    is_wrapped = isinstance(document, dict) and isinstance(document.get("properties"), dict)
    properties = document["properties"] if is_wrapped else document
    required = document.get("required", []) if is_wrapped else []
    if not isinstance(properties, dict) or not all(isinstance(rule, dict) for rule in properties.values()):
        raise ValueError("it must map names of properties to schemas")
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        raise ValueError("'required' must be a list of names")
    return properties, tuple(required)


def _is_settable(field: Field) -> bool:
    return not field.is_read_only


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
