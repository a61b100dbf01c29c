"""Queries about images: create, show, list, update, delete."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import peewee

from ..domain.context import Context
from ..domain.fields import UUID_PATTERN
from ..domain.image import Image, Location, is_visible
from ..domain.limits import COUNT, Bounds, DomainBounds
from ..domain.query import Condition, ImageQuery
from ..errors import ChangedMeanwhile, ImageExists, ImageNotFound, InvalidMarker, QuotaExceeded
from .models import BlobRow, ImageRow, LocationRow, MarkRow, MemberRow, WorkRow
from .rows import LOCATION_COLUMNS, image_columns, marks_of, property_mark, tag_mark, to_columns, to_images
from .usage import UsageQueries

DELETED = ("deleted", "pending_delete")
_UUID = re.compile(UUID_PATTERN)
_NULL_AS: dict[str, Any] = {"name": "", "size": 0, "container_format": "", "disk_format": ""}


class ImageQueries(UsageQueries):
    """The part of the registry that knows images."""

    def create_image(
        self, context: Context, image: Image, bounds: Bounds | None = None, domain: DomainBounds | None = None
    ) -> Image:
        columns = to_columns(asdict(image)) | {"revision": 0}
        marks = marks_of(image.properties, image.tags)
        try:
            with self._transaction():
                now = self._read_clock()
                self._change(ImageRow.insert(columns | {"created_at": now, "updated_at": now}))
                self._insert_marks(image.id, marks)
                self._keep(bounds or {}, image.owner, {COUNT.name: 1}, domain)
                return self._read_image(image.id, context)
        except peewee.IntegrityError as error:
            raise ImageExists(image_id=image.id) from error

    def show_image(self, context: Context, image_id: str) -> Image:
        if not _UUID.match(image_id):
            raise ImageNotFound(image_id=image_id)
        with self._connection():
            image = self._read_image(image_id, context)
        if not is_visible(image, context):
            raise ImageNotFound(image_id=image_id)
        return image

    def list_images(self, context: Context, query: ImageQuery) -> tuple[Image, ...]:
        with self._connection():
            bounds = self._marker_bounds(context, query)
            if query.is_empty or query.limit == 0:
                return ()
            page = (
                ImageRow.select(*image_columns())
                .where(_matches(context, query), *([] if bounds is None else [bounds]))
                .order_by(*_order(ImageRow, query))
                .limit(query.limit)
                .alias("page")
            )
            mine = (MemberRow.image_id == page.c.id) & (MemberRow.member_id == (context.project_id or ""))
            join = peewee.Join(page, MemberRow, peewee.JOIN.LEFT_OUTER, on=mine)
            join = peewee.Join(join, LocationRow, peewee.JOIN.LEFT_OUTER, on=(LocationRow.image_id == page.c.id))
            rows = self._rows(
                peewee.Select([join], [*image_columns(page), MemberRow.status, *LOCATION_COLUMNS]).order_by(
                    *_order(page.c, query), LocationRow.position
                )
            )
        return to_images(rows)

    def update_image(
        self,
        context: Context,
        image_id: str,
        revision: int,
        changes: Mapping[str, Any],
        locations: tuple[Location, ...] | None = None,
        quota: int | None = None,
    ) -> Image:
        with self._transaction():
            before = self._read_image(image_id) if {"properties", "tags"} & changes.keys() else None
            self._advance(image_id, revision, to_columns(changes) | {"updated_at": self._now})
            if before is not None:
                old = marks_of(before.properties, before.tags)
                new = marks_of(changes.get("properties", before.properties), changes.get("tags", before.tags))
                self._delete_marks(image_id, old - new)
                self._insert_marks(image_id, new - old)
            if locations is not None:
                self._set_locations(image_id, locations)
                self._check_places(image_id, quota)
            return self._read_image(image_id, context)

    def _check_places(self, image_id: str, quota: int | None) -> None:
        if quota is None:
            return
        (owner,) = self._row(ImageRow.select(ImageRow.owner).where(ImageRow.id == image_id)) or (None,)
        self._lock_project(owner)
        used = self._count_bytes(owner)
        if used > quota:
            raise QuotaExceeded(what="bytes of image data", attempted=used, maximum=quota)

    def _set_locations(self, image_id: str, locations: Iterable[Location]) -> None:
        self._change(LocationRow.delete().where(LocationRow.image_id == image_id))
        for position, location in enumerate(locations):
            self._insert_location(image_id, position, location)
        self._drop_unnamed(image_id)

    def _insert_location(self, image_id: str, position: int, location: Location) -> None:
        place = {"blob": location.blob, "url": location.url, "store": location.store}
        metadata = json.dumps(dict(location.metadata))
        self._change(LocationRow.insert(image_id=image_id, position=position, metadata=metadata, **place))

    def delete_image(self, context: Context, image_id: str, revision: int, delay: float | None) -> None:
        with self._transaction():
            if delay is None:
                self._advance(image_id, revision, {"status": "deleted", "deleted_at": self._now})
                self._let_go(image_id)
            else:
                times = {"deleted_at": self._now, "purge_at": self._after(delay)}
                self._advance(image_id, revision, {"status": "pending_delete"} | times)
                self._change(WorkRow.delete().where(WorkRow.image_id == image_id))

    def _finish_deletes(self) -> None:
        """Images whose delayed deletion is due are deleted for good."""
        due = ImageRow.select(ImageRow.id).where(ImageRow.status == "pending_delete", ImageRow.purge_at <= self._now)
        for (image_id,) in self._rows(due):
            self._change(
                ImageRow.update(status="deleted", revision=ImageRow.revision + 1).where(ImageRow.id == image_id)
            )
            self._let_go(image_id)

    def _let_go(self, image_id: str) -> None:
        """A deleted image's locations, marks and work go; live bytes drop, writing ones are their owner's to drop."""
        self._change(LocationRow.delete().where(LocationRow.image_id == image_id))
        self._change(WorkRow.delete().where(WorkRow.image_id == image_id))
        self._change(MarkRow.delete().where(MarkRow.image_id == image_id))
        self._change(MemberRow.delete().where(MemberRow.image_id == image_id))
        self._drop_unnamed(image_id)

    def _drop_unnamed(self, image_id: str) -> None:
        """Live bytes of an image that no location names any more."""
        kept = LocationRow.select(LocationRow.blob).where(LocationRow.blob.is_null(False))
        self._change(
            BlobRow.update(state="dropping", drop_at=self._now).where(
                BlobRow.image_id == image_id, BlobRow.state == "live", BlobRow.key.not_in(kept)
            )
        )

    def _advance(self, image_id: str, revision: int, columns: Mapping[str, Any]) -> None:
        """Set columns if the image stands and still is at this revision."""
        changed = self._change(
            ImageRow.update(dict(columns) | {"revision": revision + 1}).where(
                ImageRow.id == image_id, ImageRow.revision == revision, ImageRow.status.not_in(DELETED)
            )
        )
        if not changed:
            self._read_standing(image_id)
            raise ChangedMeanwhile(image_id=image_id)

    def _read_standing(self, image_id: str) -> Image:
        image = self._read_image(image_id)
        if image.status in DELETED:
            raise ImageNotFound(image_id=image_id)
        return image

    def _read_image(self, image_id: str, context: Context | None = None) -> Image:
        """One statement, made once: this is the busiest path of the service."""
        text = self._texts.get("show")
        if text is None:
            mine = (MemberRow.image_id == ImageRow.id) & (MemberRow.member_id == "")
            text = self._texts["show"] = self._text_of(
                ImageRow.select(*image_columns(), MemberRow.status, *LOCATION_COLUMNS)
                .join(MemberRow, peewee.JOIN.LEFT_OUTER, on=mine)
                .join(LocationRow, peewee.JOIN.LEFT_OUTER, on=(LocationRow.image_id == ImageRow.id))
                .where(ImageRow.id == image_id)
                .order_by(LocationRow.position)
            )
        project = context.project_id or "" if context else ""
        images = to_images(self._db.execute_sql(text, (project, image_id)).fetchall())
        if not images:
            raise ImageNotFound(image_id=image_id)
        return images[0]

    def _text_of(self, query: peewee.Query) -> str:
        text: str = self._db.get_sql_context().sql(query).query()[0]
        return text

    def _insert_marks(self, image_id: str, marks: Iterable[str]) -> None:
        rows = [(mark, image_id) for mark in sorted(marks)]
        if rows:
            self._change(MarkRow.insert_many(rows, fields=[MarkRow.mark, MarkRow.image_id]))

    def _delete_marks(self, image_id: str, marks: Iterable[str]) -> None:
        gone = list(marks)
        if gone:
            self._change(MarkRow.delete().where(MarkRow.image_id == image_id, MarkRow.mark.in_(gone)))

    def _marker_bounds(self, context: Context, query: ImageQuery) -> peewee.Expression | None:
        """The part of the order that lies behind the marker."""
        if query.marker is None:
            return None
        try:
            image = self._read_image(query.marker, context)
        except ImageNotFound as error:
            raise InvalidMarker(marker=query.marker) from error
        if not is_visible(image, context):
            raise InvalidMarker(marker=query.marker)
        return _behind(query.sort, [getattr(image, key) for key, _ in query.sort])


def _behind(sort: Iterable[tuple[str, bool]], values: Iterable[Any]) -> peewee.Expression:
    """k1 beyond v1, or k1 = v1 and (k2 beyond v2, or …); a bound on k1 alone goes first so that an index serves."""
    result: Any = None
    for (key, ascending), raw in reversed(list(zip(sort, values, strict=False))):
        column = _sortable(ImageRow, key)
        value = _NULL_AS.get(key) if raw is None else raw
        beyond = column > value if ascending else column < value
        if result is None:
            result = beyond
        else:
            bound = column >= value if ascending else column <= value
            result = bound & (beyond | ((column == value) & result))
    return result


def _order(source: Any, query: ImageQuery) -> list[Any]:
    return [
        _sortable(source, key).asc() if ascending else _sortable(source, key).desc() for key, ascending in query.sort
    ]


def _sortable(source: Any, key: str) -> Any:
    """A column that compares the same in every database: NULL counts as the least value."""
    column = getattr(source, key)
    return peewee.fn.COALESCE(column, _NULL_AS[key]) if key in _NULL_AS else column


def _matches(context: Context, query: ImageQuery) -> peewee.Expression:
    found = _scope(context, query) & ImageRow.status.not_in(DELETED)
    found &= ImageRow.os_hidden == query.os_hidden
    for condition in query.conditions:
        found &= _test(condition)
    marks = {*map(tag_mark, query.tags), *(property_mark(*pair) for pair in query.properties)}
    return found & ImageRow.id.in_(_marked(marks)) if marks else found


def _marked(marks: set[str]) -> peewee.Query:
    """Images that carry all of these marks: one subquery however many there are, for no database nests without end."""
    some = MarkRow.select(MarkRow.image_id).where(MarkRow.mark.in_(sorted(marks)))
    if len(marks) == 1:
        return some
    return some.group_by(MarkRow.image_id).having(peewee.fn.COUNT(MarkRow.mark) == len(marks))


def _test(condition: Condition) -> peewee.Expression:
    column, values = getattr(ImageRow, condition.name), condition.values
    if condition.op == "in":
        return column == values[0] if len(values) == 1 else column.in_(values)
    if condition.op == "at_least":
        return column >= values[0]
    if condition.op == "below":
        return column < values[0]
    within = (column >= values[0]) & (column < values[1])
    return within if condition.op == "within" else ~within


def _scope(context: Context, query: ImageQuery) -> peewee.Expression:
    """Which images a list may show this caller. Source: the Image API's table of visibilities and roles."""
    visibility, column = query.visibility, ImageRow.visibility
    own = ImageRow.owner == context.project_id if context.project_id is not None else peewee.SQL("1 = 0")
    if visibility in ("public", "community"):
        return column == visibility
    if context.is_admin:
        if visibility in ("shared", "private"):
            return column == visibility
        return (column != "community") | own if visibility is None else peewee.SQL("1 = 1")
    if visibility == "private":
        return (column == visibility) & own
    shared = _shared_with(context, query.member_status)
    if visibility == "shared":
        return ((column == visibility) & own) | shared
    return own | shared | column.in_(("public", "community") if visibility == "all" else ("public",))


def _shared_with(context: Context, status: str) -> peewee.Expression:
    """Images that come through membership of this status."""
    mine = MemberRow.member_id == (context.project_id or "")
    if status != "all":
        mine &= MemberRow.status == status
    members = MemberRow.select(MemberRow.image_id).where(mine)
    return (ImageRow.visibility == "shared") & ImageRow.id.in_(members)
