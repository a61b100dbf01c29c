"""Queries about tasks: who asked for what, who works on it, how it went."""

import json
from typing import Any

import peewee

from ..domain.context import Context
from ..domain.task import Ending, Task, TaskQuery
from ..errors import InvalidTaskMarker, RegistryUnavailable, TaskLost, TaskNotFound
from .blobs import UNENDED, BlobQueries
from .images import UUID
from .models import TaskRow

_NAMES = (
    "id", "type", "status", "owner", "image_id", "user_id", "request_id", "input", "result", "message", "roles",
    "process", "attempts", "created_at", "updated_at", "expires_at",
)  # fmt: skip
_COLUMNS = tuple(getattr(TaskRow, name) for name in _NAMES)
_RIVALS = 5
"""How often a task that a rival took is looked past."""


class TaskQueries(BlobQueries):
    """The part of the registry that knows tasks."""

    @staticmethod
    def is_mine(task_id: str, process: str) -> tuple[peewee.Expression, ...]:
        """Is it this process that works on the task?"""
        return TaskRow.id == task_id, TaskRow.process == process, TaskRow.status == "processing"

    def add_task(self, context: Context, task: Task) -> Task:
        with self._transaction():
            return self._insert_task(task)

    def _insert_task(self, task: Task) -> Task:
        now = self._read_clock()
        times = {"created_at": now, "updated_at": now}
        texts = {
            "input": json.dumps(dict(task.input)),
            "result": None,
            "roles": ",".join(task.roles),
            "attempts": 0,
            "expires_at": None,
        }
        self._change(TaskRow.insert({name: getattr(task, name) for name in _NAMES} | texts | times))
        return self._read_task(task.id)

    def claim_task(self, process: str, running: tuple[str, ...]) -> Task | None:
        # One that was let go as lost while it still runs here is not for here: two threads would work on it.
        is_open = TaskRow.process.is_null() | (TaskRow.process == process)
        is_free = UNENDED & is_open & TaskRow.id.not_in(running)
        waiting = TaskRow.select(TaskRow.id).where(is_free).order_by(TaskRow.created_at, TaskRow.id).limit(1)
        taken = {"process": process, "status": "processing", "attempts": TaskRow.attempts + 1, "updated_at": self._now}
        with self._connection():
            if self._row(waiting) is None:  # as it mostly is: no need to lock anybody out
                return None
        with self._transaction():
            if not self._is_alive(process):
                raise RegistryUnavailable(reason="the lease of this process has ended and is being renewed")
            for _ in range(_RIVALS):
                row = self._row(waiting)
                if row is None:
                    return None
                if self._change(TaskRow.update(taken).where(TaskRow.id == row[0], is_free)):
                    return self._read_task(row[0])
            return None

    def _end_task(self, task_id: str, process: str, ending: Ending) -> None:
        values = {
            "status": ending.status,
            "message": ending.message,
            "result": None if ending.result is None else json.dumps(dict(ending.result)),
            "updated_at": self._now,
            "expires_at": self._after(ending.expires_in),
        }
        if ending.input is not None:
            values["input"] = json.dumps(dict(ending.input))
        if not self._change(TaskRow.update(values).where(*self.is_mine(task_id, process))):
            raise TaskLost(task_id=task_id)

    def show_task(self, context: Context, task_id: str) -> Task:
        if not UUID.match(task_id):  # databases do not take every text for one that they may be asked for
            raise TaskNotFound(task_id=task_id)
        with self._connection():
            return self._read_task(task_id, self._is_known(context))

    def list_image_tasks(self, context: Context, image_id: str) -> tuple[Task, ...]:
        known = TaskRow.select(*_COLUMNS).where(TaskRow.image_id == image_id, self._is_known(context))
        with self._connection():
            return tuple(map(_to_task, self._rows(known.order_by(TaskRow.created_at, TaskRow.id))))

    def list_tasks(self, context: Context, query: TaskQuery) -> tuple[Task, ...]:
        key = getattr(TaskRow, query.sort_key)
        key = peewee.fn.COALESCE(key, 0) if query.sort_key == "expires_at" else key
        found = TaskRow.select(*_COLUMNS).where(self._is_known(context))
        for name in ("status", "type"):
            value = getattr(query, name)
            if value is not None:
                found = found.where(getattr(TaskRow, name) == value)
        with self._connection():
            if query.marker is not None:
                found = found.where(self._is_behind(context, query, key))
            order = [one.asc() if query.is_ascending else one.desc() for one in (key, TaskRow.id)]
            return tuple(map(_to_task, self._rows(found.order_by(*order).limit(query.limit))))

    def _is_behind(self, context: Context, query: TaskQuery, key: peewee.Expression) -> peewee.Expression:
        """Does a task stand behind the marker?"""
        if not UUID.match(query.marker or ""):
            raise InvalidTaskMarker(marker=query.marker)
        row = self._row(TaskRow.select(key).where(TaskRow.id == query.marker, self._is_known(context)))
        if row is None:
            raise InvalidTaskMarker(marker=query.marker)
        if query.is_ascending:
            return (key > row[0]) | ((key == row[0]) & (TaskRow.id > query.marker))
        return (key < row[0]) | ((key == row[0]) & (TaskRow.id < query.marker))

    def _is_known(self, context: Context) -> peewee.Expression:
        """May the caller know of a task, and has it not expired?"""
        stands = TaskRow.expires_at.is_null() | (TaskRow.expires_at > self._now)
        return stands if context.is_admin else stands & (TaskRow.owner == context.project_id)

    def _read_task(self, task_id: str, known: peewee.Expression | None = None) -> Task:
        query = TaskRow.select(*_COLUMNS).where(TaskRow.id == task_id)
        row = self._row(query if known is None else query.where(known))
        if row is None:
            raise TaskNotFound(task_id=task_id)
        return _to_task(row)


def _to_task(row: tuple[Any, ...]) -> Task:
    values = dict(zip(_NAMES, row, strict=True))
    values["input"] = json.loads(values["input"])
    values["result"] = None if values["result"] is None else json.loads(values["result"])
    values["roles"] = tuple(filter(None, values["roles"].split(",")))
    return Task(**values)
