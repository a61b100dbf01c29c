"""Queries about bytes: begin, commit, abort, drop; and giving up what a lost process left.

Every transaction here touches rows in one order – image, work, blob – so that two of them never wait for each other in
a circle.
"""

from collections.abc import Iterable
from typing import Any

import peewee

from ..domain.context import Context
from ..domain.image import Location
from ..domain.limits import SIZE, STAGE, UPLOADING, Bounds
from ..domain.ports import Blob, Content, Intent
from ..errors import (
    ChangedMeanwhile,
    Gone,
    ImageNotFound,
    QuotaExceeded,
    RegistryUnavailable,
    StatusConflict,
    TaskLost,
)
from .database import Repeatable, value_of
from .images import DELETED
from .members import MemberQueries
from .models import BlobRow, ImageRow, ProcessRow, TaskRow, WorkRow

_HASHES = ("checksum", "os_hash_algo", "os_hash_value")
UNENDED = TaskRow.status.in_(("pending", "processing"))


class BlobQueries(MemberQueries):
    """The part of the registry that knows blobs and work."""

    def begin_blob(self, context: Context, intent: Intent) -> int | None:
        with self._transaction():
            if self._make_busy(intent):
                self._enter(intent)
                self._require_task(intent)
            else:
                self._require_begun(intent)
            declared = intent.declared or 0
            return self._room(intent, {SIZE.name: declared, STAGE.name: declared, UPLOADING.name: 1})

    def _require_task(self, intent: Intent) -> None:
        """Raise TaskLost unless the task that bytes are moved for still is this process's."""
        mine = (TaskRow.id == intent.task) & (TaskRow.process == intent.process) & (TaskRow.status == "processing")
        if intent.task is not None and self._row(TaskRow.select(TaskRow.id).where(mine)) is None:
            raise TaskLost(task_id=intent.task)

    def _make_busy(self, intent: Intent) -> int:
        """Have the image go from `expect` to `to`, if it is as the intent says, the process lives, and it was not asked
        for this blob before. One statement: every upload begins with it."""
        formats = _formats_of(intent)

        def build() -> peewee.Query:
            busy = {"status": value_of("to"), "updated_at": self._now, "revision": ImageRow.revision + 1}
            ready = (ImageRow.id == value_of("image_id")) & (ImageRow.status == value_of("expect"))
            for name in formats:
                ready &= getattr(ImageRow, name) == value_of(name)
            living = ProcessRow.select(ProcessRow.id).where(ProcessRow.id == value_of("process"))
            same = BlobRow.select(BlobRow.key).where(BlobRow.key == value_of("key"))
            return ImageRow.update(busy).where(ready & peewee.fn.EXISTS(living) & ~peewee.fn.EXISTS(same))

        names = ("image_id", "expect", "to", "process", "key")
        return self._count(("begin", *formats), build, **{name: getattr(intent, name) for name in names}, **formats)

    def _require_begun(self, intent: Intent) -> None:
        """Raise why the image could not be made busy, unless this blob was begun before and its answer was lost."""
        if not self._is_alive(intent.process):
            raise RegistryUnavailable(reason="the lease of this process has ended and is being renewed")
        if self._blob_state(intent.key) is not None:
            return
        image = self._read_standing(intent.image_id)
        if image.status != intent.expect:
            raise StatusConflict(image_id=image.id, status=image.status, wanted=intent.to)
        if any(getattr(image, name) != value for name, value in _formats_of(intent).items()):
            raise ChangedMeanwhile(image_id=image.id)
        raise Repeatable(reason="what stood in the way of the work is gone")  # a lease was renewed, a rival gave up

    def _enter(self, intent: Intent) -> None:
        """Note the work on the image, and its blob, which counts for the image's owner."""
        work = {"id": intent.key, "kind": intent.kind, "image_id": intent.image_id, "process": intent.process}
        self._insert("insert work", WorkRow, work | {"status": intent.to, "if_lost": intent.if_lost})
        blob = {"key": intent.key, "store": intent.store, "state": "writing", "image_id": intent.image_id}
        size = {"size": intent.declared or 0, "process": intent.process, "is_unlinked": False}
        self._insert("insert blob", BlobRow, blob | size, project=self._owner_of("image_id"))

    def _owner_of(self, name: str) -> peewee.Query:
        return ImageRow.select(ImageRow.owner).where(ImageRow.id == value_of(name))

    def _owner(self, image_id: str) -> str | None:
        row = self._run("owner", lambda: self._owner_of("image_id"), image_id=image_id).fetchone()
        return row[0] if row else None

    def commit_blob(self, context: Context, intent: Intent, content: Content, url: str) -> None:
        with self._transaction():
            if not self._activate(intent, content):
                if self._blob_state(intent.key) == "live":  # asked again: the first time has done it
                    return
                raise self._lost(intent)
            if not (self._end_work(intent) and self._enliven(intent, content)):
                raise StatusConflict(image_id=intent.image_id, status=intent.to, wanted="active")
            self._insert_location(intent.image_id, 0, Location(url, intent.store, {"store": intent.store}, intent.key))
            self._room(intent, {SIZE.name: content.size})

    def _activate(self, intent: Intent, content: Content) -> int:
        values = {name: getattr(content, name) for name in ("size", "virtual_size", *_HASHES)}

        def build() -> peewee.Query:
            fixed = {"status": "active", "updated_at": self._now, "revision": ImageRow.revision + 1}
            waiting = (ImageRow.id == value_of("image_id")) & (ImageRow.status == value_of("to"))
            return ImageRow.update({name: value_of(name) for name in values} | fixed).where(waiting)

        return self._count("activate", build, image_id=intent.image_id, to=intent.to, **values)

    def _end_work(self, intent: Intent) -> int:
        def build() -> peewee.Query:
            return WorkRow.delete().where(WorkRow.id == value_of("key"), WorkRow.process == value_of("process"))

        return self._count("end work", build, key=intent.key, process=intent.process)

    def _enliven(self, intent: Intent, content: Content) -> int:
        values = {name: getattr(content, name) for name in ("size", *_HASHES)}

        def build() -> peewee.Query:
            live = BlobRow.update({name: value_of(name) for name in values} | {"state": "live"})
            return live.where(BlobRow.key == value_of("key"), BlobRow.state == "writing")

        return self._count("enliven", build, key=intent.key, **values)

    def _lost(self, intent: Intent) -> Gone | StatusConflict:
        """Why a commit found that the work is no longer its own."""
        try:
            image = self._read_image(intent.image_id)
        except ImageNotFound:
            return Gone(image_id=intent.image_id)
        if image.status in DELETED:
            return Gone(image_id=intent.image_id)
        return StatusConflict(image_id=image.id, status=image.status, wanted="active")

    def abort_blob(self, key: str) -> str:
        with self._transaction():
            self._give_up(WorkRow.id == key)
            self._change(
                BlobRow.update(state="dropping", drop_at=self._now).where(
                    BlobRow.key == key, BlobRow.state == "writing"
                )
            )
            return self._blob_state(key) or "gone"

    def _give_up(self, which: peewee.Expression) -> None:
        """Images whose work is given up go back to what the work says; the work goes."""
        columns = (WorkRow.id, WorkRow.image_id, WorkRow.status, WorkRow.if_lost)
        for work, image_id, status, if_lost in self._rows(WorkRow.select(*columns).where(which)):
            back: dict[str, Any] = {"status": if_lost, "updated_at": self._now, "revision": ImageRow.revision + 1}
            if if_lost == "queued":
                back |= {"size": None, "virtual_size": None}
            # A rival may have given it up since, and the image be in new hands already.
            still = ImageRow.id.in_(WorkRow.select(WorkRow.image_id).where(WorkRow.id == work))
            self._change(ImageRow.update(back).where(ImageRow.id == image_id, ImageRow.status == status, still))
            self._change(WorkRow.delete().where(WorkRow.id == work))

    def reap_processes(self) -> int:
        with self._transaction():
            count = self._change(ProcessRow.delete().where(ProcessRow.alive_until < self._now))
            living = ProcessRow.select(ProcessRow.id)
            self._give_up(WorkRow.process.not_in(living))
            self._change(
                BlobRow.update(state="dropping", drop_at=self._now).where(
                    BlobRow.state == "writing", BlobRow.process.not_in(living)
                )
            )
            self._change(TaskRow.update(process=None).where(UNENDED, TaskRow.process.not_in(living)))
            self._change(TaskRow.delete().where(TaskRow.expires_at <= self._now))
            self._finish_deletes()
            return count

    def list_blobs(self, store: str, after: str, limit: int) -> tuple[Blob, ...]:
        columns = (
            BlobRow.key, BlobRow.store, BlobRow.state, BlobRow.size, BlobRow.image_id,
            BlobRow.checksum, BlobRow.os_hash_algo, BlobRow.os_hash_value,
        )  # fmt: skip
        query = BlobRow.select(*columns).where(BlobRow.store == store, BlobRow.key > after)
        with self._connection():
            return tuple(Blob(*row) for row in self._rows(query.order_by(BlobRow.key).limit(limit)))

    def list_writing(self, store: str, process: str) -> tuple[str, ...]:
        mine = (BlobRow.store == store) & (BlobRow.state == "writing") & (BlobRow.process == process)
        with self._connection():
            return _firsts(self._rows(BlobRow.select(BlobRow.key).where(mine)))

    def list_droppable(self, store: str, limit: int) -> tuple[str, ...]:
        due = (BlobRow.store == store) & (BlobRow.state == "dropping") & (BlobRow.drop_at <= self._now)
        with self._connection():
            return _firsts(self._rows(BlobRow.select(BlobRow.key).where(due).order_by(BlobRow.drop_at).limit(limit)))

    def record_unlink(self, key: str, lease: float) -> None:
        dropping = (BlobRow.key == key) & (BlobRow.state == "dropping")
        with self._transaction():
            if not self._change(BlobRow.delete().where(dropping, BlobRow.is_unlinked, BlobRow.drop_at <= self._now)):
                first = BlobRow.update(is_unlinked=True, drop_at=self._after(lease))
                self._change(first.where(dropping, ~BlobRow.is_unlinked))

    def _blob_state(self, key: str) -> str | None:
        def build() -> peewee.Query:
            return BlobRow.select(BlobRow.state).where(BlobRow.key == value_of("key"))

        row = self._run("blob state", build, key=key).fetchone()
        return row[0] if row else None

    def _room(self, intent: Intent, asked: Bounds) -> int | None:
        """Bytes that quota and limit leave the blob's project, this blob's own included; None without either."""
        most = [bound for bound in (intent.quota, intent.bounds.get(SIZE.name)) if bound is not None]
        if not most and not intent.bounds and intent.domain is None:
            return None
        project = self._owner(intent.image_id)
        self._keep(intent.bounds, project, asked, intent.domain)
        left = []
        if most:
            self._lock_project(project)
            used = self._count_bytes(project)
            if intent.quota is not None and used > intent.quota:
                raise QuotaExceeded(what="bytes of image data", attempted=used, maximum=intent.quota)
            left.append(min(most) - used)
        if intent.domain is not None and SIZE.name in intent.domain.bounds:
            left.append(intent.domain.bounds[SIZE.name] - self._count_bytes(intent.domain.projects))
        (own,) = self._row(BlobRow.select(BlobRow.size).where(BlobRow.key == intent.key)) or (0,)
        return min(left) + int(own) if left else None

    def _is_alive(self, process: str) -> bool:
        def build() -> peewee.Query:
            return ProcessRow.select(ProcessRow.id).where(ProcessRow.id == value_of("process"))

        return self._run("is alive", build, process=process).fetchone() is not None


def _formats_of(intent: Intent) -> dict[str, str]:
    """The formats that the image must still have."""
    formats = {"disk_format": intent.disk_format, "container_format": intent.container_format}
    return {name: value for name, value in formats.items() if value is not None}


def _firsts(rows: Iterable[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple(row[0] for row in rows)
