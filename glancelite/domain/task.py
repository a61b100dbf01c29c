"""Tasks: long jobs with an input, a status, a result and an end, and the imports that most of them are.

A task's row is the truth about it: whoever works on it may die, somebody else reads there what is to be done.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TYPES = ("import", "api_image_import", "location_import")
STATUSES = ("pending", "processing", "success", "failure")
ENDED = ("success", "failure")

LOCK = "os_glance_import_task"
"""The property that holds the id of the task at work on an image: while it is there, no other may begin."""
IMPORTING_TO = "os_glance_importing_to_stores"
FAILED_IMPORT = "os_glance_failed_import"
"""Stores that data is still to be brought to, and stores where that failed: ids, sorted, comma separated."""
PROGRESS = "os_glance_import_progress"
"""While data moves: bytes done, bytes in all, bytes a second."""
BEFORE = "before"
"""Of a task's input: what the image was before, for its own use only."""
PLUGINS_DONE = "os_glance_import_plugins_done"
"""How many of the plugins have worked on what is staged: none does twice, whoever dies."""
REASON = "os_glance_import_error"
"""After an import that failed: why, in one sentence."""
DELETED = "The image was deleted."
"""What a task says that has failed for want of its image."""


@dataclass(frozen=True)
class Task:
    """A task. `process` is who works on it; `attempts` counts who has begun to; `roles` are those of who asked."""

    id: str
    type: str
    status: str = "pending"
    owner: str | None = None
    image_id: str | None = None
    user_id: str | None = None
    request_id: str | None = None
    input: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] | None = None
    message: str = ""
    roles: tuple[str, ...] = ()
    process: str | None = None
    attempts: int = 0
    created_at: int = 0
    updated_at: int = 0
    expires_at: int | None = None

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED


@dataclass(frozen=True)
class TaskQuery:
    """One page of a list of tasks, of a status and type where these are named."""

    limit: int
    status: str | None = None
    type: str | None = None
    sort_key: str = "created_at"
    is_ascending: bool = False
    marker: str | None = None


SORT_KEYS = ("created_at", "expires_at", "id", "status", "type", "updated_at")


@dataclass(frozen=True)
class Ending:
    """How a task ends, and what becomes of its image in the same moment.

    `image_status` None leaves the image's status as it is; `fields` are set. Of `properties` those that are None go.
    Copies in `dropped_stores` are given up; what is staged is, unless `keeps_staged`. `expires_in` are seconds. An
    `input` takes the place of the task's: what was needed for the work only is not kept.
    """

    status: str
    message: str = ""
    result: Mapping[str, Any] | None = None
    image_status: str | None = None
    properties: Mapping[str, str | None] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    dropped_stores: tuple[str, ...] = ()
    keeps_staged: bool = False
    expires_in: float = 48 * 3600.0
    input: Mapping[str, Any] | None = None
