"""What an image was before its import, for one that fails."""

from collections.abc import Sequence
from typing import Any

from ..domain.fields import RESERVED_PREFIX
from ..domain.task import BEFORE
from .job import Job


def undo_changes(job: Job, keeps_staged: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fields and properties to set back; a property that is None is one that the import has added.

    Where data stays staged that a plugin has made another format of, the image goes on saying so.
    """
    before = job.input.get(BEFORE)
    if before is None or keeps_staged:
        return {}, {}
    fields = {name: before[name] for name in ("disk_format", "container_format")}
    old = before["properties"]
    ours = {name: value for name, value in job.show_image().properties.items() if _is_of_import(job, name)}
    return fields, {name: old.get(name) for name, value in ours.items() if value != old.get(name)}


def _is_of_import(job: Job, name: str) -> bool:
    """May the import have set this property? What a caller entered meanwhile is theirs."""
    injected = {key for plugin in job.plugins for key in getattr(plugin, "injected", ())}
    is_from_region = job.input["import_req"]["method"]["name"] == "glance-download"
    return not name.startswith(RESERVED_PREFIX) and (name in injected or (is_from_region and is_carried(job, name)))


def is_carried(job: Job, name: str) -> bool:
    """Is it a property that glance-download brings along?"""
    prefixes: Sequence[str] = job.services.config["glance_download_properties.extra_properties"]
    return any(name.startswith(prefix) for prefix in prefixes)
