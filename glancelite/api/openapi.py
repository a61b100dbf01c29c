"""The API as an OpenAPI 3.1 document, made from the operation table, the schemas and the field table."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..domain.fields import FIELDS, SORT_KEYS, UUID_PATTERN, VISIBILITIES
from ..domain.image import MEMBER_STATUSES
from ..domain.patch import MEDIA_TYPES
from ..domain.schemas import Schema, body_schema

if TYPE_CHECKING:
    from .operations import Operation

_PARAMETER = re.compile(r"<(\w+)>")
_PATH_SCHEMAS: dict[str, Schema] = {"image_id": {"type": "string", "pattern": UUID_PATTERN}}
_REFUSALS = {"json": ("400", "413"), "data": ("400", "410", "413", "415", "503"), "none": ("400",)}
_LINKS = ("show_image", "update_image", "upload_image", "download_image", "add_tag", "add_member", "delete_image")


def make_document(operations: Iterable["Operation"], schemas: Mapping[str, Schema]) -> Schema:
    """The document over these operations; `schemas` by name, as the API shows them."""
    paths: dict[str, Schema] = {}
    for operation in operations:
        path = _PARAMETER.sub(r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _describe(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Image API", "version": __version__},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": _schemas(schemas)},
    }


def _describe(operation: "Operation") -> Schema:
    described: Schema = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": _parameters(operation),
        "responses": _responses(operation),
    }
    if operation.body != "none":
        schema = {"$ref": f"#/components/schemas/{operation.takes}"} if operation.takes else {}
        schemas = {media: _patch(media) if operation.takes == "patch" else schema for media in operation.media}
        content = {media: {"schema": one} for media, one in schemas.items()}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _parameters(operation: "Operation") -> list[Schema]:
    found = [
        {"name": name, "in": "path", "required": True, "schema": _PATH_SCHEMAS.get(name, {"type": "string"})}
        for name in _PARAMETER.findall(operation.path)
    ]
    if operation.name == "list_images":
        found += [{"name": name, "in": "query", "schema": schema} for name, schema in _list_parameters().items()]
    if operation.name == "upload_image":
        found.append({"name": "x-openstack-image-size", "in": "header", "schema": {"type": "integer", "minimum": 0}})
    if operation.name == "list_tasks":
        text = {"type": "string"}
        names = {"limit": {"type": "integer", "minimum": 0}, **dict.fromkeys(("marker", "status", "type"), text)}
        found += [{"name": name, "in": "query", "schema": schema} for name, schema in names.items()]
    if operation.name == "download_image":
        found.append({"name": "Range", "in": "header", "schema": {"type": "string"}})
    return found


def _list_parameters() -> dict[str, Schema]:
    text: Schema = {"type": "string"}
    found: dict[str, Schema] = {
        "limit": {"type": "integer", "minimum": 0},
        "marker": _PATH_SCHEMAS["image_id"],
        "sort_key": {"type": "string", "enum": list(SORT_KEYS)},
        "sort_dir": {"type": "string", "enum": ["asc", "desc"]},
        "visibility": {"type": "string", "enum": [*VISIBILITIES, "all"]},
        "member_status": {"type": "string", "enum": [*MEMBER_STATUSES, "all"]},
        "os_hidden": {"type": "boolean"},
        "tag": text,
    }
    for field in FIELDS:
        if field.filter and field.name not in found:
            found[field.name] = {"type": "boolean"} if field.filter == "flag" else text
        if field.filter == "range":
            found |= {f"{field.name}_{end}": {"type": "integer"} for end in ("min", "max")}
    return found


def _responses(operation: "Operation") -> dict[str, Schema]:
    success: Schema = {"description": "Done."}
    if operation.gives:
        schema = {"$ref": f"#/components/schemas/{operation.gives}"}
        success["content"] = {"application/json": {"schema": schema}}
    if operation.name == "create_image":
        success["links"] = {
            name: {"operationId": name, "parameters": {"image_id": "$response.body#/id"}} for name in _LINKS
        }
    refusal = {
        "description": "Refused.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/error"}}},
    }
    statuses = [*_REFUSALS[operation.body], "401", "403", "404", "409"]
    return {str(operation.success): success} | dict.fromkeys(sorted(set(statuses)), refusal) | {"default": refusal}


def _schemas(shown: Mapping[str, Schema]) -> dict[str, Schema]:
    image = {"type": "object", **{key: shown["image"][key] for key in ("properties", "additionalProperties")}}
    reference = {"$ref": "#/components/schemas/image"}
    link = {"type": "string"}
    member = {"type": "object", "properties": shown["member"]["properties"]}
    members = {"type": "array", "items": {"$ref": "#/components/schemas/member"}}
    create = {key: value for key, value in body_schema(shown["image"]).items() if key != "$schema"}
    return {
        "image": image | {"additionalProperties": True},
        "images": {
            "type": "object",
            "required": ["images", "first", "schema"],
            "properties": {
                "images": {"type": "array", "items": reference},
                "first": link,
                "next": link,
                "schema": link,
            },
        },
        "create_image": create,
        "import_image": _import_schema(),
        "add_location": {
            "type": "object",
            "required": ["url"],
            "properties": {"url": {"type": "string", "pattern": "^[a-z]+://"}, "validation_data": {"type": "object"}},
        },
        "create_task": _object(type={"type": "string", "enum": ["import"]}, input={"type": "object"}),
        "task": {"type": "object", "properties": shown["task"]["properties"]},
        "tasks": {
            "type": "object",
            "required": ["tasks", "first", "schema"],
            "properties": {
                "tasks": {"type": "array", "items": {"$ref": "#/components/schemas/task"}},
                "first": link,
                "next": link,
                "schema": link,
            },
        },
        "member": member,
        "members": {"type": "object", "required": ["members"], "properties": {"members": members, "schema": link}},
        "add_member": _object(member={"type": "string", "minLength": 1, "maxLength": 255}),
        "update_member": _object(status={"type": "string", "enum": list(MEMBER_STATUSES)}),
        "error": _object(message={"type": "string"}, code={"type": "string"}, title={"type": "string"}),
    }


def _import_schema() -> Schema:
    method = {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string"},
            "uri": {"type": "string"},
            "glance_image_id": {"type": "string"},
            "glance_region": {"type": "string"},
            "glance_service_interface": {"type": "string"},
            "checksum": {"type": "string"},
        },
    }
    flag = {"type": "boolean"}
    stores = {"type": "array", "minItems": 1, "items": {"type": "string"}}
    named = {"method": method, "stores": stores, "all_stores": flag, "all_stores_must_succeed": flag}
    return {"type": "object", "required": ["method"], "properties": named}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def _patch(media: str) -> Schema:
    """A patch in one of its two forms."""
    path: Schema = {"type": "string", "pattern": "^/[^/]+$"}
    value: dict[str, Any] = {"value": {}}
    if media == MEDIA_TYPES[1]:
        verb = {"type": "string", "enum": ["add", "replace", "remove"]}
        return {
            "type": "array",
            "items": _object(op=verb, path=path) | {"properties": {"op": verb, "path": path, **value}},
        }
    forms = [_object(**{verb: path}) for verb in ("add", "replace", "remove")]
    return {"type": "array", "items": {"oneOf": forms}}
