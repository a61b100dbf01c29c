"""Staged data as plugins see it: a file, and another one that they may put in its place."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..domain.digest import parse_digest
from ..domain.image import Image
from ..domain.ports import Blob, Content, Intent
from ..domain.task import PLUGINS_DONE
from ..errors import ChangedMeanwhile, DataNotFound, ImageTooLarge
from ..usecases.arrival import arrive_by, begin, give_up
from ..usecases.staging import stage_intent
from .job import Job
from .plugins.base import Plugin

_BLOCK = 1 << 20
_TRIES = 20


class Piece:
    """What one plugin works on. Nothing counts before `commit`: new data and new fields then do in one moment."""

    def __init__(self, job: Job, image: Image, staged: Blob, number: int) -> None:
        self._job, self._staging, self._number = job, job.services.stores.staging, number
        self.image, self.size = image, staged.size or 0
        self.path = self._staging.path(staged.key)
        self.roles = job.task.roles
        self.cap = int(job.services.config["image_size_cap"])
        self._changes: dict[str, Any] = {}
        self._added: dict[str, Any] = {}
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
        added = fields.pop("properties", {})
        properties = {**self.image.properties, **added}
        self._changes |= fields
        if properties != self.image.properties:
            self._added |= added
        self.image = replace(self.image, **fields, properties=properties)

    def report(self, message: str) -> None:
        self._job.report(message)

    def commit(self) -> Image:
        """Make what the plugin did the staged data; the image then."""
        if self._new is None:
            return self._update() if self._changes or self._added else self.image
        self._added[PLUGINS_DONE] = str(self._number)
        services, intent, content = self._job.services, self._new, Content(self.size, None, "", "", None)
        changes, self._new = {**self._changes, "properties": self._added}, None

        def park(content: Content, url: str) -> Image:
            return services.registry.park_blob(self._job.context, intent, content, changes)

        return arrive_by(services, intent, self._staging, lambda: (content, ""), park)

    def _update(self) -> Image:
        for _ in range(_TRIES):
            now = self._job.show_image()
            self._job.require_hold()
            try:
                changes = {**self._changes, "properties": {**now.properties, **self._added}}
                return self._job.services.registry.update_image(self._job.context, now, changes)
            except ChangedMeanwhile:
                continue
        raise ChangedMeanwhile(image_id=self.image.id)

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
    done = int(image.properties.get(PLUGINS_DONE) or 0)
    for number, plugin in enumerate(job.plugins[done:], done + 1):
        image = _run(job, image, plugin, number)
    return image


def _run(job: Job, image: Image, plugin: Plugin, number: int) -> Image:
    staged = job.services.registry.find_staged(image.id)
    if staged is None:
        raise DataNotFound(image_id=image.id)
    piece = Piece(job, image, staged, number)
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
