"""Queries about images: create, show, list, update, delete."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

import peewee

from ..domain.context import Context
from ..domain.fields import UUID_PATTERN
from ..domain.image import Image, Location, image_of, is_visible
from ..domain.limits import COUNT, Bounds, DomainBounds
from ..errors import ChangedMeanwhile, ImageExists, ImageNotFound, QuotaExceeded
from .database import value_of
from .models import BlobRow, ImageRow, LocationRow, MarkRow, MemberRow, WorkRow
from .rows import IMAGE_NAMES, LOCATION_NAMES, columns_of, marks_of, to_images
from .usage import UsageQueries

DELETED = ("deleted", "pending_delete")
UUID = re.compile(UUID_PATTERN)


class ImageQueries(UsageQueries):
    """The part of the registry that knows images."""

    def create_image(
        self, context: Context, image: Image, bounds: Bounds | None = None, domain: DomainBounds | None = None
    ) -> Image:
        columns = columns_of(vars(image)) | {"revision": 0}
        del columns["created_at"], columns["updated_at"]
        try:
            with self._transaction():
                now = self._insert_image(columns)
                self._insert_marks(image.id, now, marks_of(image.properties, image.tags))
                self._keep(bounds or {}, image.owner, {COUNT.name: 1}, domain)
        except peewee.IntegrityError as error:
            raise ImageExists(image_id=image.id) from error
        return image_of({**vars(image), "created_at": now, "updated_at": now, "revision": 0})

    def _insert_image(self, columns: Mapping[str, Any]) -> int:
        """Insert the row; the moment that the database gave it."""

        def build() -> peewee.Query:
            times = {"created_at": self._instant, "updated_at": self._instant}
            return ImageRow.insert({name: value_of(name) for name in columns} | times)

        cursor = self._run("create", lambda: peewee.NodeList((build(), peewee.SQL("RETURNING created_at"))), **columns)
        ((now,),) = cursor.fetchall()
        return int(now)

    def show_image(self, context: Context, image_id: str) -> Image:
        if not UUID.match(image_id):
            raise ImageNotFound(image_id=image_id)
        with self._connection():
            image = self._read_image(image_id, context)
        if not is_visible(image, context):
            raise ImageNotFound(image_id=image_id)
        return image

    def update_image(
        self,
        context: Context,
        image: Image,
        changes: Mapping[str, Any],
        locations: tuple[Location, ...] | None = None,
        quota: int | None = None,
    ) -> Image:
        with self._transaction():
            moment = self._update(image, changes)
            if locations is not None:
                self._set_locations(image.id, locations)
                self._check_places(image.id, quota)
            if moment is None or locations is not None:
                return self._read_image(image.id, context)
        return image_of({**vars(image), **changes, "revision": image.revision + 1, "updated_at": moment})

    def _update(self, image: Image, changes: Mapping[str, Any]) -> int | None:
        """Set fields, `properties` and `tags` with their marks, if the image still is at this revision; that moment,
        where the database tells it. At the same revision it is the same in all that is read of it here."""
        moment = self._advance(image.id, image.revision, columns_of(changes), "updated_at")
        if {"properties", "tags"} & changes.keys():
            old = marks_of(image.properties, image.tags)
            new = marks_of(changes.get("properties", image.properties), changes.get("tags", image.tags))
            self._delete_marks(image.id, old - new)
            self._insert_marks(image.id, image.created_at, new - old)
        return moment

    def _hold_image(self, image_id: str) -> Image:
        """The image, which nobody else changes until this transaction ends; ImageNotFound when it is gone."""
        if self._dialect != "sqlite":
            self._row(ImageRow.select(ImageRow.id).where(ImageRow.id == image_id).for_update())
        return self._read_standing(image_id)

    def _check_places(self, image_id: str, quota: int | None) -> None:
        if quota is None:
            return
        (owner,) = self._row(ImageRow.select(ImageRow.owner).where(ImageRow.id == image_id)) or (None,)
        self._lock_project(owner)
        used = self._count_bytes(owner)
        if used > quota:
            raise QuotaExceeded(what="bytes of image data", attempted=used, maximum=quota)

    def _set_locations(self, image_id: str, locations: Iterable[Location]) -> None:
        self._do(LocationRow.delete().where(LocationRow.image_id == image_id))
        for position, location in enumerate(locations):
            self._insert_location(image_id, position, location)
        self._drop_unnamed(image_id)

    def _insert_location(self, image_id: str, position: int, location: Location) -> None:
        values = {
            "image_id": image_id, "position": position, "blob": location.blob, "url": location.url,
            "store": location.store, "metadata": json.dumps(dict(location.metadata)),
        }  # fmt: skip
        self._insert("insert location", LocationRow, values)

    def delete_image(self, context: Context, image_id: str, revision: int, delay: float | None) -> None:
        with self._transaction():
            if delay is None:
                self._advance(image_id, revision, {"status": "deleted", "is_gone": True}, "deleted_at")
                self._let_go(image_id)
            else:
                self._advance(image_id, revision, {"status": "pending_delete", "is_gone": True}, "deleted_at")
                self._do(ImageRow.update(purge_at=self._after(delay)).where(ImageRow.id == image_id))
                self._do(WorkRow.delete().where(WorkRow.image_id == image_id))
            self._drop_staged(image_id)

    def _finish_deletes(self) -> None:
        """Images whose delayed deletion is due are deleted for good."""
        due = ImageRow.select(ImageRow.id).where(ImageRow.status == "pending_delete", ImageRow.purge_at <= self._now)
        for (image_id,) in self._rows(due):
            self._do(ImageRow.update(status="deleted", revision=ImageRow.revision + 1).where(ImageRow.id == image_id))
            self._let_go(image_id)

    def _let_go(self, image_id: str) -> None:
        """A deleted image's locations, marks and work go; live bytes drop, writing ones are their owner's to drop."""
        self._do(LocationRow.delete().where(LocationRow.image_id == image_id))
        self._do(WorkRow.delete().where(WorkRow.image_id == image_id))
        self._do(MarkRow.delete().where(MarkRow.image_id == image_id))
        self._do(MemberRow.delete().where(MemberRow.image_id == image_id))
        self._drop_unnamed(image_id)

    def _drop_staged(self, image_id: str) -> None:
        staged = (BlobRow.image_id == image_id) & (BlobRow.state == "staged")
        self._do(BlobRow.update(state="dropping", drop_at=self._now).where(staged))

    def _drop_unnamed(self, image_id: str) -> None:
        """Live bytes of an image that no location names any more."""
        kept = LocationRow.select(LocationRow.blob).where(LocationRow.blob.is_null(False))
        self._do(
            BlobRow.update(state="dropping", drop_at=self._now).where(
                BlobRow.image_id == image_id, BlobRow.state == "live", BlobRow.key.not_in(kept)
            )
        )

    def _advance(self, image_id: str, revision: int, columns: Mapping[str, Any], moment: str) -> int | None:
        """Set columns, and the time `moment` to now, if the image stands and still is at this revision; that time,
        where the database tells it: MariaDB does not."""
        is_told = self._dialect != "mysql"

        def build() -> peewee.Query:
            fixed = {"revision": ImageRow.revision + 1, moment: self._now}
            query = ImageRow.update({name: value_of(name) for name in columns} | fixed).where(
                ImageRow.id == value_of("image_id"),
                ImageRow.revision == value_of("expected"),
                ImageRow.is_gone == value_of("gone"),
            )
            return query.returning(getattr(ImageRow, moment)) if is_told else query

        which = {"image_id": image_id, "expected": revision, "gone": False}
        cursor = self._run(("advance", moment, *columns), build, **columns, **which)
        told = cursor.fetchall() if is_told else [(None,)] * cursor.rowcount
        if not told:
            self._read_standing(image_id)
            raise ChangedMeanwhile(image_id=image_id)
        return cast("int | None", told[0][0])

    def _read_standing(self, image_id: str) -> Image:
        image = self._read_image(image_id)
        if image.status in DELETED:
            raise ImageNotFound(image_id=image_id)
        return image

    def _read_image(self, image_id: str, context: Context | None = None) -> Image:
        """One joined statement: the image, its locations, and what the caller's project is to it."""

        def build() -> peewee.Query:
            mine = (MemberRow.image_id == ImageRow.id) & (MemberRow.member_id == value_of("project"))
            image = (getattr(ImageRow, name) for name in IMAGE_NAMES)
            location = (getattr(LocationRow, name) for name in LOCATION_NAMES)
            return (
                ImageRow.select(*image, MemberRow.status, *location)
                .join(MemberRow, peewee.JOIN.LEFT_OUTER, on=mine)
                .join(LocationRow, peewee.JOIN.LEFT_OUTER, on=(LocationRow.image_id == ImageRow.id))
                .where(ImageRow.id == value_of("image_id"))
                .order_by(LocationRow.position)
            )

        project = context.project_id or "" if context else ""
        images = to_images(self._run("show", build, project=project, image_id=image_id).fetchall())
        if not images:
            raise ImageNotFound(image_id=image_id)
        return images[0]

    def _insert_marks(self, image_id: str, created_at: int, marks: Iterable[str]) -> None:
        values = _numbered(marks)

        def build() -> peewee.Query:
            rows = [(value_of(name), value_of("created_at"), value_of("image_id")) for name in values]
            return MarkRow.insert_many(rows, fields=[MarkRow.mark, MarkRow.created_at, MarkRow.image_id])

        if values:
            self._send(("insert marks", len(values)), build, created_at=created_at, image_id=image_id, **values)

    def _delete_marks(self, image_id: str, marks: Iterable[str]) -> None:
        values = _numbered(marks)

        def build() -> peewee.Query:
            gone = MarkRow.mark.in_([value_of(name) for name in values])
            return MarkRow.delete().where(MarkRow.image_id == value_of("image_id"), gone)

        if values:
            self._send(("delete marks", len(values)), build, image_id=image_id, **values)


def _numbered(marks: Iterable[str]) -> dict[str, str]:
    """Marks, each under a name of its own; in order, so that rivals take their rows in one order."""
    return {f"mark{number}": mark for number, mark in enumerate(sorted(marks))}
