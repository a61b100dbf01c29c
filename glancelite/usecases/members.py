"""Share an image with projects, and what such a project says to it.

Members belong to shared images only; entries survive a change of visibility away and back, without effect meanwhile.
"""

from typing import Any

from ..domain.context import Context
from ..domain.image import MEMBER_STATUSES, Image, Member
from ..domain.validate import check_text
from ..errors import ActionForbidden, BadRequest, MemberNotFound, NotShared
from .images import require
from .services import Services

_ID_MAX = 255


def check_member(body: Any) -> str:
    """The project that a create body names."""
    member = _value(body, "member")
    if not member or len(member) > _ID_MAX:
        raise BadRequest(reason=f"'member' must be the id of a project, 1 to {_ID_MAX} characters long.")
    check_text("A member", member)
    return member


def check_status(body: Any) -> str:
    """The status that an update body asks for."""
    status = _value(body, "status")
    if status not in MEMBER_STATUSES:
        raise BadRequest(reason=f"'status' must be one of {', '.join(MEMBER_STATUSES)}, not '{status:.40}'.")
    return status


def _value(body: Any, name: str) -> str:
    if not isinstance(body, dict) or name not in body:
        raise BadRequest(reason=f"The body must be a JSON object with '{name}'.")
    value = body[name]
    if not isinstance(value, str):
        raise BadRequest(reason=f"'{name}' must be a string.")
    return value


def add_member(services: Services, context: Context, image: Image, member_id: str) -> Member:
    """Share the image with one more project."""
    _require_shared(image)
    return services.registry.add_member(context, image.id, member_id, services.config["image_member_quota"])


def list_members(services: Services, context: Context, image: Image) -> tuple[Member, ...]:
    """All members for who owns the image; for a member itself its own entry only."""
    _require_shared(image)
    members = services.registry.list_members(context, image.id)
    if _sees_all(image, context):
        return members
    return tuple(member for member in members if member.member_id == context.project_id)


def show_member(services: Services, context: Context, image: Image, member_id: str) -> Member:
    """One member, for the owner and for that member; for everybody else there is none."""
    if image.visibility == "shared" and (_sees_all(image, context) or member_id == context.project_id):
        require(services, context, "get_member", image)
        for member in services.registry.list_members(context, image.id):
            if member.member_id == member_id:
                return member
    raise MemberNotFound(image_id=image.id, member_id=member_id)


def update_member(services: Services, context: Context, image: Image, member_id: str, status: str) -> Member:
    """Accept or reject: the member itself decides, not the owner."""
    _require_shared(image)
    if not context.is_admin and member_id != context.project_id:
        if image.owner == context.project_id:
            raise ActionForbidden(rule="modify_member")
        raise MemberNotFound(image_id=image.id, member_id=member_id)
    require(services, context, "modify_member", image)
    return services.registry.update_member(context, image.id, member_id, status)


def remove_member(services: Services, context: Context, image: Image, member_id: str) -> None:
    """Stop sharing the image with a project."""
    _require_shared(image)
    services.registry.remove_member(context, image.id, member_id)


def _require_shared(image: Image) -> None:
    if image.visibility != "shared":
        raise NotShared(image_id=image.id, visibility=image.visibility)


def _sees_all(image: Image, context: Context) -> bool:
    return context.is_admin or (image.owner is not None and image.owner == context.project_id)
