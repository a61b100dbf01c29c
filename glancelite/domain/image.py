"""The image as a value, its status machine, and who may see it.

Times are whole microseconds since 1970 in UTC, as the database's clock tells them; sizes are bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from ..errors import StatusConflict
from .context import Context

TRANSITIONS: dict[str, tuple[str, ...]] = {
    "queued": ("saving", "uploading", "importing", "active", "deleted"),
    "saving": ("active", "killed", "deleted", "queued"),
    "uploading": ("importing", "queued", "deleted"),
    "importing": ("active", "deleted", "queued"),
    "active": ("pending_delete", "deleted", "deactivated"),
    "deactivated": ("active", "deleted"),
    "killed": ("deleted",),
    "pending_delete": ("deleted", "active"),
    "deleted": (),
}
"""From a status to those it may turn into. Source: the Image API's documented status machine."""


@dataclass(frozen=True)
class Location:
    """Where an image's bytes are: a URI with metadata. `blob` is the key of bytes we own, None for foreign places."""

    url: str
    store: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    blob: str | None = None


@dataclass(frozen=True)
class Image:
    """An image with everything that a caller can see of it. `revision` grows by one with each change."""

    id: str
    name: str | None = None
    status: str = "queued"
    visibility: str = "shared"
    protected: bool = False
    os_hidden: bool = False
    checksum: str | None = None
    os_hash_algo: str | None = None
    os_hash_value: str | None = None
    owner: str | None = None
    size: int | None = None
    virtual_size: int | None = None
    container_format: str | None = None
    disk_format: str | None = None
    created_at: int = 0
    updated_at: int = 0
    min_ram: int = 0
    min_disk: int = 0
    properties: Mapping[str, str | None] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    locations: tuple[Location, ...] = ()
    revision: int = 0
    membership: str | None = None
    """The status that the caller's own project has as a member; None when it is none."""


def image_of(values: dict[str, Any]) -> Image:
    """The image with these values, which name every field. Pages of hundreds are made so: the constructor is slow."""
    image = object.__new__(Image)
    image.__dict__.update(values)
    return image


@dataclass(frozen=True)
class Member:
    """A project that an image is shared with."""

    image_id: str
    member_id: str
    status: str
    created_at: int
    updated_at: int


MEMBER_STATUSES = ("pending", "accepted", "rejected")


def check_transition(image: Image, wanted: str) -> None:
    """Raise StatusConflict when the image cannot turn from its status into `wanted`."""
    if wanted not in TRANSITIONS[image.status]:
        raise StatusConflict(image_id=image.id, status=image.status, wanted=wanted)


def is_visible(image: Image, context: Context) -> bool:
    """May this caller know that the image exists? Not listed is not invisible: a known id opens more than a list."""
    if image.status in ("deleted", "pending_delete"):
        return False
    if context.is_admin or image.visibility in ("public", "community"):
        return True
    if image.owner is None:
        # Glance quirk: an image without owner belongs to everybody unless it is private.
        return image.visibility == "shared"
    return image.owner == context.project_id or (image.visibility == "shared" and image.membership is not None)


def target_of(image: Image, context: Context) -> dict[str, str | None]:
    """The image as policy rules see it; `member_id` is the caller's project where the image is shared with it.

    Its properties are there too, for rules about single ones; none takes the place of what rules decide by.
    """
    return {
        **image.properties,
        "owner": image.owner,
        "project_id": image.owner,
        "visibility": image.visibility,
        "image_id": image.id,
        "member_id": context.project_id if image.membership is not None else None,
    }


@lru_cache(4096)
def _format_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()[:19] + "Z"


def format_time(microseconds: int) -> str:
    """`2026-01-31T12:00:00Z`, the only form of time in the API."""
    return _format_second(microseconds // 1_000_000)
