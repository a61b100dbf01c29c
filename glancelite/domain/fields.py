"""THE image field table: every field an image has of its own, said once.

Schemas, validation, database columns, filters, sort keys and the command line's columns are made from it. Whatever is
not in this table is an additional property of the image.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

UUID_PATTERN = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"
INTEGER_MAX = 2147483647
VISIBILITIES = ("community", "public", "private", "shared")
STATUSES = (
    "queued", "saving", "active", "killed", "deleted", "uploading", "importing", "pending_delete", "deactivated",
)  # fmt: skip

Writable = Literal["always", "create", "never"]


@dataclass(frozen=True)
class Field:
    """One field: its JSON type, its rules, who sets it, and what a list may do with it."""

    name: str
    type: Literal["string", "integer", "boolean", "array", "object"]
    description: str
    nullable: bool = False
    default: Any = None
    writable: Writable = "always"
    max_length: int | None = None
    enum: tuple[str, ...] = ()
    pattern: str | None = None
    is_column: bool = True
    filter: Literal["", "equal", "operators", "time", "range", "flag"] = ""
    is_sort_key: bool = False

    @property
    def is_read_only(self) -> bool:
        return self.writable == "never"


# fmt: off
FIELDS: tuple[Field, ...] = (
    Field("id", "string", "The image's id, a UUID; the server's choice where the creator makes none.",
          pattern=UUID_PATTERN, writable="create", max_length=36,
          filter="operators", is_sort_key=True),
    Field("name", "string", "A name for people; several images may share one.", nullable=True, max_length=255,
          filter="operators", is_sort_key=True),
    Field("status", "string", "Where the image is in its life.", enum=STATUSES, writable="never", default="queued",
          max_length=30, filter="operators", is_sort_key=True),
    Field("visibility", "string", "Who can see the image.", enum=VISIBILITIES, default="shared", max_length=30),
    Field("protected", "boolean", "A protected image cannot be deleted.", default=False, filter="flag"),
    Field("os_hidden", "boolean", "A hidden image is listed only when hidden images are asked for.", default=False,
          filter="flag"),
    Field("checksum", "string", "MD5 of the data, in hex.", nullable=True, max_length=32, writable="never",
          filter="equal"),
    Field("os_hash_algo", "string", "The algorithm of os_hash_value.", nullable=True, max_length=64,
          writable="never", filter="equal"),
    Field("os_hash_value", "string", "Hash of the data by os_hash_algo, in hex.", nullable=True, max_length=128,
          writable="never", filter="equal"),
    Field("owner", "string", "The project that owns the image.", nullable=True, max_length=255, filter="equal"),
    Field("size", "integer", "Bytes of data.", nullable=True, writable="never",
          filter="range", is_sort_key=True),
    Field("virtual_size", "integer", "Bytes of the disk that the data describes; null where that is not known.",
          nullable=True, writable="never", filter="equal"),
    Field("container_format", "string", "What the disk is wrapped in.", nullable=True, max_length=255,
          filter="operators", is_sort_key=True),
    Field("disk_format", "string", "The format of the disk itself.", nullable=True, max_length=255,
          filter="operators", is_sort_key=True),
    Field("created_at", "string", "When the image was created, in UTC.", writable="never",
          filter="time", is_sort_key=True),
    Field("updated_at", "string", "When the image or its tags last changed, in UTC.", writable="never",
          filter="time", is_sort_key=True),
    Field("min_ram", "integer", "Memory that a machine needs to boot it, in MB.", default=0, filter="range"),
    Field("min_disk", "integer", "Disk that a machine needs to boot it, in GB.", default=0, filter="range"),
    Field("tags", "array", "Short labels, each once.", default=(), max_length=255, is_column=False),
    Field("direct_url", "string", "Where a store keeps the data.", writable="never",
          is_column=False),
    Field("self", "string", "Path of this image.", writable="never", is_column=False),
    Field("file", "string", "Path of its data.", writable="never", is_column=False),
    Field("schema", "string", "Path of the schema that describes it.", writable="never", is_column=False),
    Field("stores", "string", "Ids of the stores that hold the image's data", writable="never", is_column=False),
    Field("locations", "array", "The places where its data is kept.", default=(),
          is_column=False),
)
# fmt: on

BY_NAME: dict[str, Field] = {field.name: field for field in FIELDS}
COLUMNS: tuple[Field, ...] = tuple(field for field in FIELDS if field.is_column)
SORT_KEYS: tuple[str, ...] = tuple(field.name for field in FIELDS if field.is_sort_key)
TIMES = ("created_at", "updated_at")

RESERVED = ("location", "deleted", "deleted_at")
"""Names of Glance's past that nobody may use for a property."""
RESERVED_PREFIX = "os_glance"
"""The service's own bookkeeping properties begin so."""


def is_reserved(name: str) -> bool:
    return name in RESERVED or name.startswith(RESERVED_PREFIX)


def is_read_only(name: str) -> bool:
    return name in BY_NAME and BY_NAME[name].is_read_only


_UUID_OR_NULL = {"type": ["null", "string"], "pattern": UUID_PATTERN}
KNOWN_PROPERTIES: dict[str, dict[str, Any]] = {
    "kernel_id": _UUID_OR_NULL
    | {"description": "Id of the image with the kernel that boots this one, for images in the AMI style."},
    "ramdisk_id": _UUID_OR_NULL
    | {"description": "Id of the image with the ramdisk that boots this one, for images in the AMI style."},
    "instance_uuid": {"type": "string", "description": "The machine that the image was made of; told, not acted upon."},
    "architecture": {"type": "string", "description": "The processor it runs on, such as x86_64 or aarch64."},
    "os_distro": {"type": "string", "description": "The operating system's common name, such as debian or rhel."},
    "os_version": {"type": "string", "description": "The operating system's version, as its maker says it."},
    "description": {"type": "string", "description": "What the image is, for people."},
    "cinder_encryption_key_id": {
        "type": "string",
        "description": "Id, in the key manager, of the key of an image that was made of an encrypted volume.",
    },
    "cinder_encryption_key_deletion_policy": {
        "type": "string",
        "enum": ["on_image_deletion", "do_not_delete"],
        "description": "What becomes of that key when the image is deleted.",
    },
}
"""Additional properties with rules of their own; any other one is a plain string."""


def missing_formats(disk_format: str | None, container_format: str | None) -> Iterable[str]:
    """Names of the format fields that an image still lacks before it may take data."""
    if disk_format is None:
        yield "disk_format"
    if container_format is None:
        yield "container_format"
