"""Queries about imports: data that is staged, copies of it, and the task whose lock an image carries.

Every transaction takes the image's row first, so that who works on it, who changes it and who deletes it wait for each
other instead of overwriting.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import peewee

from ..domain.context import Context
from ..domain.image import Image, Location
from ..domain.limits import SIZE, STAGE
from ..domain.ports import Blob, Content, Intent
from ..domain.task import DELETED, IMPORTING_TO, LOCK, PLUGINS_DONE, PROGRESS, Ending, Task
from ..errors import CopyDiffers, Gone, ImageNotFound, StatusConflict, TaskLost
from .blobs import UNENDED
from .models import BlobRow, TaskRow
from .tasks import TaskQueries

_NO_HASHES = {"checksum": None, "os_hash_algo": None, "os_hash_value": None, "virtual_size": None}
_PREEMPTED = "Expired lock preempted"


class ImportQueries(TaskQueries):
    """The part of the registry that knows imports."""

    def park_blob(self, context: Context, intent: Intent, content: Content, changes: Mapping[str, Any]) -> Image:
        with self._transaction():
            image = self._hold_standing(intent)
            if self._blob_state(intent.key) == "staged":  # asked again
                return image
            self._require_hold(intent, image)
            self._drop_staged(image.id)
            parked = BlobRow.update(state="staged", size=content.size)
            if not (self._end_work(intent) and self._change(parked.where(*_writing(intent.key)))):
                raise StatusConflict(image_id=image.id, status=image.status, wanted=intent.to)
            together = {"properties": {**image.properties, **changes.get("properties", {})}}
            self._update(image, {"size": content.size, **changes, **together})
            self._room(intent, {STAGE.name: 0})
            return self._read_image(image.id)

    def find_staged(self, image_id: str) -> Blob | None:
        columns = (BlobRow.key, BlobRow.store, BlobRow.state, BlobRow.size, BlobRow.image_id)
        with self._connection():
            row = self._row(BlobRow.select(*columns).where(BlobRow.image_id == image_id, BlobRow.state == "staged"))
        return Blob(*row) if row else None

    def commit_copy(self, context: Context, intent: Intent, content: Content, url: str) -> Image:
        with self._transaction():
            image = self._hold_standing(intent)
            if self._blob_state(intent.key) == "live":  # asked again
                return image
            self._require_hold(intent, image)
            if image.os_hash_value and image.os_hash_value != content.os_hash_value:
                raise CopyDiffers(image_id=image.id)
            if not (self._end_work(intent) and self._enliven(intent, content)):
                raise StatusConflict(image_id=image.id, status=image.status, wanted=intent.to)
            self._update(image, _after_copy(image, intent, content))
            place = Location(url, intent.store, {"store": intent.store}, intent.key)
            self._insert_location(image.id, len(image.locations), place)
            self._room(intent, {SIZE.name: content.size})
            return self._read_image(image.id)

    def _hold_standing(self, intent: Intent) -> Image:
        try:
            return self._hold_image(intent.image_id)
        except ImageNotFound as error:
            raise Gone(image_id=intent.image_id) from error

    def _require_hold(self, intent: Intent, image: Image) -> None:
        """Raise unless the image and the task are what this work was begun on."""
        self._require_task(intent)
        if image.status != intent.to:
            raise StatusConflict(image_id=image.id, status=image.status, wanted=intent.to)

    def begin_import(
        self,
        context: Context,
        image: Image,
        changes: Mapping[str, Any],
        task: Task,
        preempted: str | None = None,
    ) -> Task:
        with self._transaction():
            self._update(image, changes)
            if preempted is not None:
                times = {"updated_at": self._now, "expires_at": self._after(Ending.expires_in)}
                expired = TaskRow.update(status="failure", message=_PREEMPTED, **times)
                self._change(expired.where(TaskRow.id == preempted, UNENDED))
            return self._insert_task(task)

    def report_task(self, task_id: str, process: str, message: str, progress: str | None) -> None:
        with self._transaction():
            task = self._read_task(task_id)
            image = self._hold_image(task.image_id) if task.image_id and progress is not None else None
            said = TaskRow.update(message=message, updated_at=self._now)
            if not self._change(said.where(*self.is_mine(task_id, process))):
                raise TaskLost(task_id=task_id)
            if image is not None:
                properties = {**image.properties, PROGRESS: progress}
                self._update(image, {"properties": properties})

    def finish_task(self, task_id: str, process: str, ending: Ending) -> Task:
        with self._transaction():
            task = self._read_task(task_id)
            if task.has_ended and task.process == process:  # asked again
                return task
            image = self._hold_if_there(task.image_id)
            if image is None and task.image_id and ending.status == "success":  # deleted after its last byte came
                ending = replace(ending, status="failure", message=DELETED, result=None)
            self._end_task(task_id, process, ending)
            if image is not None and image.properties.get(LOCK) == task_id:
                self._end_import(image, ending)
            return self._read_task(task_id)

    def _hold_if_there(self, image_id: str | None) -> Image | None:
        try:
            return self._hold_image(image_id) if image_id else None
        except ImageNotFound:
            return None

    def _end_import(self, image: Image, ending: Ending) -> None:
        properties = dict(image.properties) | dict(ending.properties)
        for name in (LOCK, PROGRESS, *(name for name, value in ending.properties.items() if value is None)):
            properties.pop(name, None)
        status = self._status_after(image, ending)
        if status != "uploading":  # nothing is staged any more
            properties.pop(PLUGINS_DONE, None)
        changes: dict[str, Any] = {**ending.fields, "properties": properties}
        if status != image.status:
            changes["status"] = status
        if status in ("queued", "uploading"):
            changes |= _NO_HASHES
        if status == "queued":
            changes["size"] = None
        self._update(image, changes)
        kept = tuple(place for place in image.locations if place.store not in ending.dropped_stores)
        # The copies that an image had before may have been taken out meanwhile: it keeps those that it has now.
        if kept != image.locations and (kept or ending.image_status is not None):
            self._set_locations(image.id, kept)
        if not ending.keeps_staged:
            self._drop_staged(image.id)

    def _status_after(self, image: Image, ending: Ending) -> str:
        if ending.image_status == "uploading" and not self._has_staged(image.id):
            return "queued"  # nothing waits for another import
        return ending.image_status or image.status

    def _has_staged(self, image_id: str) -> bool:
        staged = BlobRow.select(BlobRow.key).where(BlobRow.image_id == image_id, BlobRow.state == "staged")
        return self._row(staged) is not None


def _writing(key: str) -> tuple[peewee.Expression, ...]:
    return BlobRow.key == key, BlobRow.state == "writing"


def _after_copy(image: Image, intent: Intent, content: Content) -> dict[str, Any]:
    """What the copy changes of its image: the first one gives it what is known of its data."""
    changes: dict[str, Any] = {}
    if image.os_hash_value is None:
        names = ("size", "checksum", "os_hash_algo", "os_hash_value", "virtual_size")
        changes = {name: getattr(content, name) for name in names}
    waiting = [one for one in (image.properties.get(IMPORTING_TO) or "").split(",") if one and one != intent.store]
    return changes | {"properties": {**image.properties, IMPORTING_TO: ",".join(waiting)}}
