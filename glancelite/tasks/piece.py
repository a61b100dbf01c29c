"""Staged data as plugins see it: a file, and another one that they may put in its place."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..domain.digest import parse_digest
from ..domain.image import Image
from ..domain.ports import Blob, Content, Intent
from ..errors import ChangedMeanwhile, DataNotFound, ImageTooLarge
from ..usecases.arrival import arrive_by, begin, give_up
from ..usecases.staging import stage_intent
from .job import Job
from .plugins.base import Plugin

_BLOCK = 1 << 20
_TRIES = 20


class Piece:
    """What one plugin works on. Nothing counts before `commit`: new data and new fields then do in one moment."""

    def __init__(self, job: Job, image: Image, staged: Blob) -> None:
        self._job, self._staging = job, job.services.stores.staging
        self.image, self.size = image, staged.size or 0
        self.path = self._staging.path(staged.key)
        self.roles = job.task.roles
        self.cap = int(job.services.config["image_size_cap"])
        self._changes: dict[str, Any] = {}
        self._new: Intent | None = None

    def replace(self, fill: Callable[[Path], None]) -> None:
        services, image = self._job.services, self.image
        same = {"expect": image.status, "to": image.status, "if_lost": image.status}
        intent = stage_intent(services, image, None, kind="rework", task=self._job.task.id, **same)
        begin(services, self._job.context, intent, self._staging)
        try:
            size = self._staging.fill(intent.key, fill)
            if size > self.cap:
                raise ImageTooLarge(image_id=image.id, limit=self.cap)
        except BaseException:
            self._drop(intent)
            raise
        if self._new is not None:
            self._drop(self._new)
        self._new, self.path, self.size = intent, self._staging.path(intent.key), size

    def change(self, **fields: Any) -> None:
        properties = {**self.image.properties, **fields.pop("properties", {})}
        self._changes |= fields
        if properties != self.image.properties:
            self._changes["properties"] = properties
        self.image = replace(self.image, **fields, properties=properties)

    def report(self, message: str) -> None:
        self._job.report(message)

    def commit(self) -> Image:
        """Make what the plugin did the staged data; the image then."""
        if self._new is None:
            return self._update() if self._changes else self.image
        services, intent, content = self._job.services, self._new, Content(self.size, None, "", "", None)
        self._new = None

        def park(content: Content, url: str) -> Image:
            return services.registry.park_blob(self._job.context, intent, content, self._merged())

        return arrive_by(services, intent, self._staging, lambda: (content, ""), park)

    def _update(self) -> Image:
        for _ in range(_TRIES):
            now = self._job.show_image()
            self._job.require_hold()
            try:
                return self._job.services.registry.update_image(self._job.context, now.id, now.revision, self._merged())
            except ChangedMeanwhile:
                continue
        raise ChangedMeanwhile(image_id=self.image.id)

    def _merged(self) -> dict[str, Any]:
        """The changes, with properties that others entered or the service keeps meanwhile."""
        if "properties" not in self._changes:
            return self._changes
        now = self._job.show_image()
        added = {name: value for name, value in self._changes["properties"].items() if not name.startswith("os_glance")}
        return {**self._changes, "properties": {**now.properties, **added}}

    def abandon(self) -> None:
        """Leave everything as it was."""
        if self._new is not None:
            self._drop(self._new)
            self._new = None

    def _drop(self, intent: Intent) -> None:
        give_up(self._job.services, intent.key, self._staging)
        self._job.services.writing.discard(intent.key)


def run_plugins(job: Job, image: Image) -> Image:
    """Let each configured plugin work on the staged data; the image then. Raises what they raise."""
    for plugin in job.plugins:
        image = _run(job, image, plugin)
    return image


def _run(job: Job, image: Image, plugin: Plugin) -> Image:
    staged = job.services.registry.find_staged(image.id)
    if staged is None:
        raise DataNotFound(image_id=image.id)
    piece = Piece(job, image, staged)
    try:
        plugin.run(piece)
        return piece.commit()
    finally:
        piece.abandon()


def verify_staged(job: Job, image: Image, staged: Blob) -> None:
    """Raise DigestMismatch when staged data is not what the import says it is to be."""
    text = job.input["import_req"]["method"].get("checksum")
    if not text:
        return
    expected = parse_digest(text)
    found = hashlib.new(expected.algorithm, usedforsecurity=False)
    body, size = job.services.stores.staging.open(staged.key)
    done = 0
    try:
        while block := body.read(_BLOCK):
            found.update(block)
            done += len(block)
            job.report(f"Comparing with its checksum: {done >> 20} of {size >> 20} MiB")
    finally:
        body.close()
    expected.check(image.id, found.hexdigest())
