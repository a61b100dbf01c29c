"""What an image was before its import, for one that fails."""

from collections.abc import Sequence
from typing import Any

from ..domain.fields import RESERVED_PREFIX
from ..domain.task import BEFORE
from .job import Job


def undo_changes(job: Job, keeps_staged: bool) -> tuple[dict[str, Any], list[str]]:
    """Fields to set back and names of properties that the import has added.

    Where data stays staged that a plugin has made another format of, the image goes on saying so.
    """
    before = job.input.get(BEFORE)
    if before is None or keeps_staged:
        return {}, []
    fields = {name: before[name] for name in ("disk_format", "container_format")}
    known = set(before["properties"])
    image = job.show_image()
    added = [name for name in image.properties if name not in known and _is_of_import(job, name)]
    return fields, added


def _is_of_import(job: Job, name: str) -> bool:
    """May this property have come with the import? What a caller entered meanwhile is theirs."""
    injected = {key for plugin in job.plugins for key in getattr(plugin, "injected", ())}
    return not name.startswith(RESERVED_PREFIX) and (name in injected or is_carried(job, name))


def is_carried(job: Job, name: str) -> bool:
    """Is it a property that glance-download brings along?"""
    prefixes: Sequence[str] = job.services.config["glance_download_properties.extra_properties"]
    return any(name.startswith(prefix) for prefix in prefixes)
