"""The tables. Columns of `images` are made from the field table; the migrations hold frozen copies of all this.

Times are microseconds since 1970 by the database's clock. Nothing reads through these models' instances: they are slow
to build; queries are made from the classes and rows are taken as tuples.
"""

from typing import Any

import peewee

from ..domain.fields import COLUMNS, TIMES, Field


class LongTextField(peewee.TextField):  # type: ignore[misc]
    """Text of any length: what MariaDB calls TEXT ends at 64 KiB."""

    field_type = "LONGTEXT"


class _Table(peewee.Model):  # type: ignore[misc]
    class Meta:
        legacy_table_names = False


def _column(field: Field) -> peewee.Field:
    if field.name == "id":
        return peewee.CharField(max_length=36, primary_key=True)
    if field.name in TIMES or field.name in ("size", "virtual_size"):
        return peewee.BigIntegerField(null=field.nullable)
    if field.type == "boolean":
        return peewee.BooleanField(null=field.nullable)
    if field.type == "integer":
        return peewee.IntegerField(null=field.nullable)
    return peewee.CharField(max_length=field.max_length, null=field.nullable)


def _image_attributes() -> dict[str, Any]:
    order = ("is_gone", "os_hidden", "created_at", "id")
    lists = (order, ("owner", *order), ("visibility", *order), ("name", "created_at", "id"))
    meta = type("Meta", (), {"table_name": "images", "indexes": tuple((columns, False) for columns in lists)})
    return {
        "Meta": meta,
        "__doc__": "An image, also a deleted one: its id stays taken for ever.",
        **{field.name: _column(field) for field in COLUMNS},
        "properties": LongTextField(),
        "tags": LongTextField(),
        "revision": peewee.IntegerField(),
        "is_gone": peewee.BooleanField(constraints=[peewee.SQL("DEFAULT FALSE")]),
        "deleted_at": peewee.BigIntegerField(null=True),
        "purge_at": peewee.BigIntegerField(null=True),
    }


ImageRow: Any = type("ImageRow", (_Table,), _image_attributes())


class MarkRow(_Table):
    """A search mark: a digest of one property or tag of an image, so that any of them is found by one index.

    `created_at` is the image's: the index gives those that carry a mark in the order in which they are listed.
    """

    mark = peewee.CharField(max_length=32)
    created_at = peewee.BigIntegerField()
    image_id = peewee.CharField(max_length=36, index=True)

    class Meta:
        table_name = "image_marks"
        primary_key = peewee.CompositeKey("mark", "created_at", "image_id")


class MemberRow(_Table):
    """A project that an image is shared with."""

    image_id = peewee.CharField(max_length=36)
    member_id = peewee.CharField(max_length=255, index=True)
    status = peewee.CharField(max_length=20)
    created_at = peewee.BigIntegerField()
    updated_at = peewee.BigIntegerField()

    class Meta:
        table_name = "image_members"
        primary_key = peewee.CompositeKey("image_id", "member_id")


class BlobRow(_Table):
    """Bytes in a store, named from before the first byte until after the last unlink."""

    key = peewee.CharField(max_length=36, primary_key=True)
    store = peewee.CharField(max_length=64)
    state = peewee.CharField(max_length=10)
    image_id = peewee.CharField(max_length=36, index=True)
    project = peewee.CharField(max_length=255, null=True, index=True)
    process = peewee.CharField(max_length=36)
    size = peewee.BigIntegerField()
    checksum = peewee.CharField(max_length=32, null=True)
    os_hash_algo = peewee.CharField(max_length=64, null=True)
    os_hash_value = peewee.CharField(max_length=128, null=True)
    drop_at = peewee.BigIntegerField(null=True)
    is_unlinked = peewee.BooleanField(default=False)

    class Meta:
        table_name = "blobs"
        indexes = ((("store", "state", "drop_at"), False),)


class LocationRow(_Table):
    """Where an image's bytes are, in order of position."""

    image_id = peewee.CharField(max_length=36, index=True)
    position = peewee.IntegerField()
    blob = peewee.CharField(max_length=36, null=True, index=True)
    url = peewee.TextField()
    store = peewee.CharField(max_length=64)
    metadata = peewee.TextField()

    class Meta:
        table_name = "locations"


class ProcessRow(_Table):
    """A process's claim to be alive."""

    id = peewee.CharField(max_length=36, primary_key=True)
    alive_until = peewee.BigIntegerField()

    class Meta:
        table_name = "processes"


class WorkRow(_Table):
    """Who is busy with an image, in which status, and what the image becomes if that process is lost."""

    id = peewee.CharField(max_length=36, primary_key=True)
    kind = peewee.CharField(max_length=20)
    image_id = peewee.CharField(max_length=36, index=True)
    process = peewee.CharField(max_length=36, index=True)
    status = peewee.CharField(max_length=30)
    if_lost = peewee.CharField(max_length=30)

    class Meta:
        table_name = "work"


class StoreRow(_Table):
    """A store's marker, and the process that keeps house there."""

    id = peewee.CharField(max_length=64, primary_key=True)
    marker = peewee.CharField(max_length=36)
    tender = peewee.CharField(max_length=36, null=True)
    tender_until = peewee.BigIntegerField(null=True)

    class Meta:
        table_name = "stores"


class ProjectRow(_Table):
    """A project that quotas or limits bind: a row to lock, nothing more."""

    id = peewee.CharField(max_length=255, primary_key=True)

    class Meta:
        table_name = "projects"


class TaskRow(_Table):
    """A task. `process` is who works on it, or none; `result` and `input` are JSON, `roles` comma separated."""

    id = peewee.CharField(max_length=36, primary_key=True)
    type = peewee.CharField(max_length=30)
    status = peewee.CharField(max_length=20)
    owner = peewee.CharField(max_length=255, null=True)
    image_id = peewee.CharField(max_length=36, null=True, index=True)
    user_id = peewee.CharField(max_length=255, null=True)
    request_id = peewee.CharField(max_length=255, null=True)
    input = LongTextField()
    result = LongTextField(null=True)
    message = LongTextField()
    roles = LongTextField()
    process = peewee.CharField(max_length=36, null=True)
    attempts = peewee.IntegerField(default=0)
    created_at = peewee.BigIntegerField()
    updated_at = peewee.BigIntegerField()
    expires_at = peewee.BigIntegerField(null=True, index=True)

    class Meta:
        table_name = "tasks"
        indexes = ((("status", "created_at", "id"), False), (("owner", "created_at", "id"), False))


TABLES: tuple[Any, ...] = (
    ImageRow, MarkRow, MemberRow, BlobRow, LocationRow, ProcessRow, WorkRow, StoreRow, ProjectRow, TaskRow,
)  # fmt: skip
