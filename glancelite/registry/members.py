"""Queries about members: the projects that an image is shared with."""

from typing import Any

import peewee

from ..domain.context import Context
from ..domain.image import Member
from ..errors import MemberExists, MemberNotFound, NotShared, QuotaExceeded
from .images import DELETED
from .listing import ListQueries
from .models import ImageRow, MemberRow

_COLUMNS = (MemberRow.image_id, MemberRow.member_id, MemberRow.status, MemberRow.created_at, MemberRow.updated_at)


class MemberQueries(ListQueries):
    """The part of the registry that knows members."""

    def list_members(self, context: Context, image_id: str) -> tuple[Member, ...]:
        query = MemberRow.select(*_COLUMNS).where(MemberRow.image_id == image_id)
        with self._connection():
            return tuple(Member(*row) for row in self._rows(query.order_by(MemberRow.created_at, MemberRow.member_id)))

    def add_member(self, context: Context, image_id: str, member_id: str, quota: int) -> Member:
        try:
            with self._transaction():
                self._lock_shared(image_id)
                now = self._read_clock()
                row = {"image_id": image_id, "member_id": member_id, "status": "pending"}
                self._change(MemberRow.insert(row | {"created_at": now, "updated_at": now}))
                self._check_members(image_id, quota)
                return Member(image_id, member_id, "pending", now, now)
        except peewee.IntegrityError as error:
            raise MemberExists(image_id=image_id, member_id=member_id) from error

    def _lock_shared(self, image_id: str) -> None:
        """Take the image's row, so that neither a rival member nor a change of visibility slips in between."""
        stands = (ImageRow.id == image_id) & (ImageRow.visibility == "shared") & ImageRow.status.not_in(DELETED)
        if not self._change(ImageRow.update(revision=ImageRow.revision + 1).where(stands)):
            image = self._read_standing(image_id)
            raise NotShared(image_id=image_id, visibility=image.visibility)

    def _check_members(self, image_id: str, quota: int) -> None:
        count = MemberRow.select(peewee.fn.COUNT(MemberRow.member_id)).where(MemberRow.image_id == image_id)
        (found,) = self._row(count) or (0,)
        if 0 <= quota < found:
            raise QuotaExceeded(what="members of an image", attempted=found, maximum=quota)

    def update_member(self, context: Context, image_id: str, member_id: str, status: str) -> Member:
        with self._transaction():
            which = _is(image_id, member_id)
            if not self._change(MemberRow.update(status=status, updated_at=self._now).where(which)):
                raise MemberNotFound(image_id=image_id, member_id=member_id)
            row = self._row(MemberRow.select(*_COLUMNS).where(which))
            return Member(*(row or ()))

    def remove_member(self, context: Context, image_id: str, member_id: str) -> None:
        with self._transaction():
            if not self._change(MemberRow.delete().where(_is(image_id, member_id))):
                raise MemberNotFound(image_id=image_id, member_id=member_id)


def _is(image_id: str, member_id: str) -> Any:
    return (MemberRow.image_id == image_id) & (MemberRow.member_id == member_id)
