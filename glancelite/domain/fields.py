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
    Field("id", "string", "An identifier for the image", pattern=UUID_PATTERN, writable="create", max_length=36,
          filter="operators", is_sort_key=True),
    Field("name", "string", "Descriptive name for the image", nullable=True, max_length=255,
          filter="operators", is_sort_key=True),
    Field("status", "string", "Status of the image", enum=STATUSES, writable="never", default="queued", max_length=30,
          filter="operators", is_sort_key=True),
    Field("visibility", "string", "Scope of image accessibility", enum=VISIBILITIES, default="shared", max_length=30),
    Field("protected", "boolean", "If true, image will not be deletable.", default=False, filter="flag"),
    Field("os_hidden", "boolean", "If true, image will not appear in default image list response.", default=False,
          filter="flag"),
    Field("checksum", "string", "md5 hash of image contents.", nullable=True, max_length=32, writable="never",
          filter="equal"),
    Field("os_hash_algo", "string", "Algorithm to calculate the os_hash_value", nullable=True, max_length=64,
          writable="never", filter="equal"),
    Field("os_hash_value", "string", "Hexdigest of the image contents using the algorithm specified by the "
          "os_hash_algo", nullable=True, max_length=128, writable="never", filter="equal"),
    Field("owner", "string", "Owner of the image", nullable=True, max_length=255, filter="equal"),
    Field("size", "integer", "Size of image file in bytes", nullable=True, writable="never",
          filter="range", is_sort_key=True),
    Field("virtual_size", "integer", "Virtual size of image in bytes", nullable=True, writable="never",
          filter="equal"),
    Field("container_format", "string", "Format of the container", nullable=True, max_length=255,
          filter="operators", is_sort_key=True),
    Field("disk_format", "string", "Format of the disk", nullable=True, max_length=255,
          filter="operators", is_sort_key=True),
    Field("created_at", "string", "Date and time of image registration", writable="never",
          filter="time", is_sort_key=True),
    Field("updated_at", "string", "Date and time of the last image modification", writable="never",
          filter="time", is_sort_key=True),
    Field("min_ram", "integer", "Amount of ram (in MB) required to boot image.", default=0, filter="range"),
    Field("min_disk", "integer", "Amount of disk space (in GB) required to boot image.", default=0, filter="range"),
    Field("tags", "array", "List of strings related to the image", default=(), max_length=255, is_column=False),
    Field("direct_url", "string", "URL to access the image file kept in external store", writable="never",
          is_column=False),
    Field("self", "string", "An image self url", writable="never", is_column=False),
    Field("file", "string", "An image file url", writable="never", is_column=False),
    Field("schema", "string", "An image schema url", writable="never", is_column=False),
    Field("stores", "string", "Ids of the stores that hold the image's data", writable="never", is_column=False),
    Field("locations", "array", "A set of URLs to access the image file kept in external store", default=(),
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
    | {"description": "ID of an image that should be used as the kernel when booting an AMI-style image."},
    "ramdisk_id": _UUID_OR_NULL
    | {"description": "ID of an image that should be used as the ramdisk when booting an AMI-style image."},
    "instance_uuid": {
        "type": "string",
        "description": "Metadata which can be used to record which instance this image is associated with. "
        "(Informational only, does not create an instance snapshot.)",
    },
    "architecture": {"type": "string", "description": "Operating system architecture, as x86_64 or aarch64."},
    "os_distro": {"type": "string", "description": "Common name of operating system distribution, as debian or rhel."},
    "os_version": {"type": "string", "description": "Operating system version as specified by the distributor."},
    "description": {"type": "string", "description": "A human-readable string describing this image."},
    "cinder_encryption_key_id": {
        "type": "string",
        "description": "Identifier in the OpenStack Key Management Service for the encryption key of an image that was "
        "made from an encrypted volume.",
    },
    "cinder_encryption_key_deletion_policy": {
        "type": "string",
        "enum": ["on_image_deletion", "do_not_delete"],
        "description": "States the condition under which the key named by cinder_encryption_key_id is to be deleted.",
    },
}
"""Additional properties with rules of their own; any other one is a plain string."""


def missing_formats(disk_format: str | None, container_format: str | None) -> Iterable[str]:
    """Names of the format fields that an image still lacks before it may take data."""
    if disk_format is None:
        yield "disk_format"
    if container_format is None:
        yield "container_format"
