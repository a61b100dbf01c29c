"""The invariants that the database can be asked about by itself; `fsck` adds those that need the bytes."""

import json

import peewee

from ..domain.ports import Finding
from .blobs import UNENDED
from .images import DELETED
from .imports import ImportQueries
from .models import BlobRow, ImageRow, LocationRow, MarkRow, TaskRow
from .processes import ProcessQueries
from .rows import marks_of

_BUSY = ("saving", "importing", "uploading")
_WITH_DATA = ("active", "deactivated")


def _differ(one: peewee.Field, other: peewee.Field) -> peewee.Expression:
    """Not equal, where nothing is a value too."""
    return (one != other) | (one.is_null() != other.is_null())


class CheckQueries(ImportQueries, ProcessQueries):
    """The part of the registry that examines itself. One transaction, so that what it sees stood together."""

    def check_invariants(self) -> tuple[Finding, ...]:
        with self._transaction():
            return (
                *self._check_busy(),
                *self._check_data(),
                *self._check_deleted(),
                *self._check_blobs(),
                *self._check_staged(),
                *self._check_marks(),
            )

    def _check_busy(self) -> list[Finding]:
        tasked = TaskRow.select(TaskRow.image_id).where(UNENDED, TaskRow.image_id.is_null(False))
        staged = BlobRow.select(BlobRow.image_id).where(BlobRow.state == "staged")
        waits = (ImageRow.status == "importing") & ImageRow.id.in_(tasked)
        waits |= (ImageRow.status == "uploading") & ImageRow.id.in_(staged)
        query = ImageRow.select(ImageRow.id, ImageRow.status).where(
            ImageRow.status.in_(_BUSY), ImageRow.id.not_in(self._living_work()), ~waits
        )
        sentence = "its status is {} but nobody living works on it"
        return [Finding(f"image {image}", sentence.format(status)) for image, status in self._rows(query)]

    def _check_data(self) -> list[Finding]:
        located = LocationRow.select(LocationRow.image_id)
        bare = ImageRow.select(ImageRow.id, ImageRow.status).where(
            ImageRow.status.in_(_WITH_DATA), ImageRow.id.not_in(located)
        )
        # A foreign place may stay with an image that its data was refused for; an import brings one copy after another.
        ours = located.where(LocationRow.blob.is_null(False))
        early = ImageRow.select(ImageRow.id, ImageRow.status).where(
            ImageRow.status.not_in((*_WITH_DATA, "pending_delete", "importing")), ImageRow.id.in_(ours)
        )
        return [
            *(Finding(f"image {image}", f"it is {status} but has no location") for image, status in self._rows(bare)),
            *(Finding(f"image {image}", f"it is {status} but has a location") for image, status in self._rows(early)),
        ]

    def _check_deleted(self) -> list[Finding]:
        gone = ImageRow.select(ImageRow.id).where(ImageRow.status.in_(("deleted",)))
        live = BlobRow.select(BlobRow.key).where(BlobRow.state == "live", BlobRow.image_id.in_(gone))
        kept = LocationRow.select(LocationRow.blob).where(LocationRow.blob.is_null(False))
        stray = live.where(BlobRow.key.not_in(kept))
        back = ImageRow.select(ImageRow.id).where(ImageRow.deleted_at.is_null(False), ImageRow.status.not_in(DELETED))
        wrong = ImageRow.select(ImageRow.id).where(ImageRow.is_gone != ImageRow.status.in_(DELETED))
        return [
            *(Finding(f"blob {key}", "it is live but its image is deleted") for (key,) in self._rows(stray)),
            *(Finding(f"image {image}", "lists take it for what its status is not") for (image,) in self._rows(wrong)),
            *(Finding(f"image {image}", "it was deleted and is back") for (image,) in self._rows(back)),
        ]

    def _check_blobs(self) -> list[Finding]:
        """Each location of ours has its live blob; an image's size and hashes are its blob's; usage is what stands."""
        named = LocationRow.select(LocationRow.blob).where(LocationRow.blob.is_null(False))
        unnamed = BlobRow.select(BlobRow.key).where(BlobRow.state == "live", BlobRow.key.not_in(named))
        live = BlobRow.select(BlobRow.key).where(BlobRow.state == "live")
        hollow = LocationRow.select(LocationRow.image_id).where(
            LocationRow.blob.is_null(False), LocationRow.blob.not_in(live)
        )
        differs = (
            ImageRow.select(ImageRow.id, BlobRow.key)
            .join(LocationRow, on=(LocationRow.image_id == ImageRow.id))
            .join(BlobRow, on=(BlobRow.key == LocationRow.blob))
            .where(
                _differ(ImageRow.size, BlobRow.size)
                | _differ(ImageRow.checksum, BlobRow.checksum)
                | _differ(ImageRow.os_hash_algo, BlobRow.os_hash_algo)
                | _differ(ImageRow.os_hash_value, BlobRow.os_hash_value)
            )
        )
        return [
            *(Finding(f"blob {key}", "it is live but no location names it") for (key,) in self._rows(unnamed)),
            *(
                Finding(f"blob {key}", "it is being written by no living process")
                for (key,) in self._rows(self._orphan_writers())
            ),
            *(Finding(f"image {image}", "a location of it names no live blob") for (image,) in self._rows(hollow)),
            *(
                Finding(f"image {image}", f"its size or hashes are not those of its blob {key}")
                for image, key in self._rows(differs)
            ),
        ]

    def _check_staged(self) -> list[Finding]:
        waiting = ImageRow.select(ImageRow.id).where(ImageRow.status.in_(("uploading", "importing")))
        stray = BlobRow.select(BlobRow.key).where(BlobRow.state == "staged", BlobRow.image_id.not_in(waiting))
        sentence = "it is staged but its image waits for no import"
        return [Finding(f"blob {key}", sentence) for (key,) in self._rows(stray)]

    def _check_marks(self) -> list[Finding]:
        marks: dict[str, set[str]] = {}
        for mark, image in self._rows(MarkRow.select(MarkRow.mark, MarkRow.image_id)):
            marks.setdefault(image, set()).add(mark)
        findings = []
        columns = (ImageRow.id, ImageRow.properties, ImageRow.tags)
        for image, properties, tags in self._rows(ImageRow.select(*columns).where(ImageRow.status.not_in(DELETED))):
            if marks.pop(image, set()) != marks_of(json.loads(properties), json.loads(tags)):
                findings.append(Finding(f"image {image}", "its search marks are not those of its properties and tags"))
        pending = {
            image for (image,) in self._rows(ImageRow.select(ImageRow.id).where(ImageRow.status == "pending_delete"))
        }
        return findings + [Finding(f"image {i}", "it is gone but has search marks") for i in marks if i not in pending]
