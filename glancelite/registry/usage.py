"""Queries about what a project uses, and the bounds that hold within the transaction that would pass them."""

from typing import Any

import peewee

from ..domain.context import Context
from ..domain.limits import RESOURCES, Bounds, DomainBounds, Usage
from ..errors import DomainLimitExceeded, LimitExceeded
from .database import Connected
from .models import BlobRow, ImageRow, LocationRow, ProjectRow

_GONE = ("deleted", "pending_delete", "killed")
_WAITING = ("uploading", "importing")
_RECEIVING = ("saving", *_WAITING)

Owner = str | None | tuple[str, ...]
"""Whose images: a project's, nobody's, or those of several projects."""


class UsageQueries(Connected):
    """The part of the registry that counts."""

    def show_usage(self, context: Context, project: str) -> Usage:
        with self._transaction():
            return self._usage(project)

    def _usage(self, project: Owner) -> Usage:
        waiting = _of(project) & ImageRow.status.in_(_WAITING)
        coming = self._count_coming(waiting & ImageRow.size.is_null())  # else they are being moved on
        return Usage(
            self._count_bytes(project),
            self._sum(ImageRow.select(_total(ImageRow.size)).where(waiting)) + coming,
            self._sum(ImageRow.select(_COUNT).where(_of(project), ImageRow.status.not_in(_GONE))),
            self._sum(ImageRow.select(_COUNT).where(_of(project), ImageRow.status.in_(_RECEIVING))),
        )

    def _count_bytes(self, project: Owner) -> int:
        """Every location counts its image's size; an upload under way counts what it has announced."""
        stands = _of(project) & ImageRow.status.not_in(_GONE)
        located = ImageRow.select(_total(ImageRow.size)).join(LocationRow, on=(LocationRow.image_id == ImageRow.id))
        return self._sum(located.where(stands)) + self._count_coming(stands & ImageRow.status.not_in(_WAITING))

    def _count_coming(self, which: peewee.Expression) -> int:
        """Bytes announced for these images and not yet there."""
        coming = ImageRow.select(_total(BlobRow.size)).join(BlobRow, on=(BlobRow.image_id == ImageRow.id))
        return self._sum(coming.where(which, BlobRow.state == "writing"))

    def _sum(self, query: peewee.Query) -> int:
        (found,) = self._row(query) or (0,)
        return int(found)

    def _keep(self, bounds: Bounds, project: str | None, asked: Bounds, domain: DomainBounds | None = None) -> None:
        """Raise LimitExceeded when what this transaction has just added, `asked`, is more than the bounds leave."""
        if domain is not None:
            self._lock_project(project)  # and then the domain: all in the same order, or two would wait for each other
        passed = self._find_passed(bounds, project, project, asked)
        if passed:
            raise LimitExceeded(project=project, **passed)
        passed = self._find_passed(domain.bounds, domain.domain, domain.projects, asked) if domain else {}
        if passed and domain:
            raise DomainLimitExceeded(domain=domain.domain, **passed)

    def _find_passed(self, bounds: Bounds, lock: str | None, owner: Owner, asked: Bounds) -> dict[str, Any]:
        """The first bound that is passed, with its figures."""
        wanted = [resource for resource in RESOURCES if resource.name in bounds and resource.name in asked]
        if not wanted:
            return {}
        self._lock_project(lock)
        usage = self._usage(owner)
        for resource in wanted:
            used, more, limit = getattr(usage, resource.counts), asked[resource.name], bounds[resource.name]
            if used > limit:
                unit = resource.unit
                figures = {"usage": (used - more) // unit, "asked": -(-more // unit), "limit": limit // unit}
                return {"resource": resource.name} | figures
        return {}

    def _lock_project(self, project: str | None) -> None:
        """Let no rival add to the same project (or domain) until this transaction ends; SQLite has one writer."""
        if self._dialect == "sqlite":
            return
        lock = ProjectRow.select(ProjectRow.id).where(ProjectRow.id == (project or "")).for_update()
        if self._row(lock) is None:
            self._change(ProjectRow.insert(id=project or "").on_conflict_ignore())
            self._row(lock)


_COUNT = peewee.fn.COUNT(ImageRow.id)


def _total(column: peewee.Field) -> peewee.Function:
    return peewee.fn.COALESCE(peewee.fn.SUM(column), 0)


def _of(owner: Owner) -> peewee.Expression:
    if isinstance(owner, tuple):
        return ImageRow.owner.in_(owner)
    return ImageRow.owner == owner if owner is not None else ImageRow.owner.is_null()
