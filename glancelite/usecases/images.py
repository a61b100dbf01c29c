"""Create, show, list, change and delete images."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from ..domain.context import Context
from ..domain.fields import BY_NAME, RESERVED_PREFIX, is_read_only, is_reserved
from ..domain.image import Image, target_of
from ..domain.limits import COUNT
from ..domain.patch import Change, apply_patch, to_field_value
from ..domain.query import ImageQuery
from ..domain.validate import check_all_text, check_text
from ..errors import (
    ActionForbidden,
    BadRequest,
    ChangedMeanwhile,
    Forbidden,
    ForeignOwner,
    ImageProtected,
    QuotaExceeded,
    ReadOnlyAttribute,
    ReservedAttribute,
    TagNotFound,
    WrongStatus,
)
from .limits import find_bounds, find_domain_bounds
from .services import Services

T = TypeVar("T")

_TRIES = 10
"""How often a change is made anew on top of a rival's before its caller is told of the conflict."""
_PLACED = ("status", "size", "checksum", "os_hash_algo", "os_hash_value")
_TAG_MAX = 255
_VISIBILITY_RULES = {"public": "publicize_image", "community": "communitize_image"}


def check_create(services: Services, body: Any) -> Mapping[str, Any]:
    """The body of a create, or a refusal that needs no look at anything else: 403 for fixed names, 400 for the rest."""
    if isinstance(body, dict):
        for name in body:
            if is_read_only(name):
                raise ReadOnlyAttribute(name=name)
        for name in body:
            if is_reserved(name) or name == "locations":
                raise ReservedAttribute(name=name)
    services.validator.check(body)
    check_all_text("The image", body)
    checked: Mapping[str, Any] = body
    return checked


def create_image(services: Services, context: Context, body: Mapping[str, Any]) -> Image:
    """A new image, queued, from a checked body."""
    values = {name: to_field_value(name, value) for name, value in body.items() if name in BY_NAME}
    properties = {name: value for name, value in body.items() if name not in BY_NAME}
    image = Image(**({"id": str(uuid.uuid4()), "owner": context.project_id} | values), properties=properties)
    if not services.policy.allows(context, "add_image", target_of(image, context)):
        if "owner" in values and values["owner"] != context.project_id:
            raise ForeignOwner(owner=values["owner"])
        raise _refusal(context, "add_image")
    _check_visibility(services, context, image, values)
    for name in properties:
        if not services.protections.allow(context, "create", name):
            raise ReservedAttribute(name=name)
    _check_quotas(services, image)
    bounds = find_bounds(services, image.owner, COUNT)
    return services.registry.create_image(context, image, bounds, find_domain_bounds(services, image.owner))


def list_images(services: Services, context: Context, query: ImageQuery) -> tuple[Image, ...]:
    """One page of the images that this caller may see listed."""
    # A filter must not tell what the property itself would not.
    is_blind = not all(services.protections.allow(context, "read", name) for name, _ in query.properties)
    return () if is_blind else services.registry.list_images(context, query)


def update_image(
    services: Services,
    context: Context,
    image: Image,
    changes: Sequence[Change],
    change_places: Callable[[Image], Image] | None = None,
) -> Image:
    """Apply a patch, all of it or nothing; on top of a rival's change where one was faster.

    `change_places` gives the image its new locations, where the patch has any.
    """

    def attempt(current: Image) -> Image:
        values = apply_patch(current, changes, partial(services.protections.allow, context))
        if "owner" in values and not context.is_admin:
            raise ForeignOwner(owner=values["owner"])
        _check_visibility(services, context, current, values)
        _check_growth(services, current, values)
        placed = change_places(replace(current, **values)) if change_places else None
        if placed:
            values |= {
                name: getattr(placed, name) for name in _PLACED if getattr(placed, name) != getattr(current, name)
            }
        if not values and (placed is None or placed.locations == current.locations):
            return current
        places = placed.locations if placed else None
        grows = placed is not None and len(placed.locations) > len(current.locations)
        quota = services.storage_quota if grows else None
        return services.registry.update_image(context, current, values, places, quota)

    updated = on_top(services, context, image, "modify_image", attempt)
    services.wake.set()
    return updated


def delete_image(services: Services, context: Context, image: Image) -> None:
    """Delete the image and let its bytes be dropped, at once or after `scrub_time` with `delayed_delete`."""
    config = services.config

    def attempt(current: Image) -> None:
        if current.protected:
            raise ImageProtected(image_id=current.id)
        has_delay = config["delayed_delete"] and current.locations
        delay = float(config["scrub_time"]) if has_delay else None
        services.registry.delete_image(context, current.id, current.revision, delay)

    on_top(services, context, image, "delete_image", attempt)
    services.wake.set()


def add_tag(services: Services, context: Context, image: Image, tag: str) -> None:
    """Add a tag; quiet when the image has it already."""
    if len(tag) > _TAG_MAX:
        raise BadRequest(reason=f"A tag must be at most {_TAG_MAX} characters long.")
    check_text("A tag", tag)

    def attempt(current: Image) -> Image:
        if tag in current.tags:
            return current
        tags = (*current.tags, tag)
        _check_count(services, "image_tag_quota", "tags", len(tags))
        return services.registry.update_image(context, current, {"tags": tags})

    on_top(services, context, image, "modify_image", attempt)


def remove_tag(services: Services, context: Context, image: Image, tag: str) -> None:
    """Remove a tag; TagNotFound when the image does not have it."""

    def attempt(current: Image) -> Image:
        if tag not in current.tags:
            raise TagNotFound(image_id=current.id, tag=tag)
        tags = tuple(other for other in current.tags if other != tag)
        return services.registry.update_image(context, current, {"tags": tags})

    on_top(services, context, image, "modify_image", attempt)


def deactivate_image(services: Services, context: Context, image: Image) -> None:
    """Block the image's data for all but administrators."""
    _turn(services, context, image, "deactivate", "active", "deactivated")


def reactivate_image(services: Services, context: Context, image: Image) -> None:
    """Open a deactivated image's data again."""
    _turn(services, context, image, "reactivate", "deactivated", "active")


def _turn(services: Services, context: Context, image: Image, action: str, before: str, after: str) -> None:
    def attempt(current: Image) -> Image:
        if current.status == after:
            return current
        if current.status != before:
            raise WrongStatus(action=action, image_id=current.id, status=current.status)
        return services.registry.update_image(context, current, {"status": after})

    on_top(services, context, image, action, attempt)


def require(services: Services, context: Context, rule: str, image: Image) -> None:
    """Raise ActionForbidden (403) unless the rule lets this caller do it to this image."""
    if not services.policy.allows(context, rule, target_of(image, context)):
        raise _refusal(context, rule)


def _refusal(context: Context, rule: str) -> Forbidden:
    return (
        Forbidden(reason="Read-only access: this needs credentials.")
        if context.is_anonymous
        else ActionForbidden(rule=rule)
    )


def on_top(services: Services, context: Context, image: Image, rule: str, attempt: Callable[[Image], T]) -> T:
    """Try a change; where a rival was faster, look at the image again, ask again who may, and try on top of it."""
    for _ in range(_TRIES):
        try:
            return attempt(image)
        except ChangedMeanwhile:
            image = services.registry.show_image(context, image.id)
            require(services, context, rule, image)
    raise ChangedMeanwhile(image_id=image.id)


def _check_visibility(services: Services, context: Context, image: Image, values: Mapping[str, Any]) -> None:
    rule = _VISIBILITY_RULES.get(values.get("visibility", ""))
    if rule:
        require(services, context, rule, image)


def _check_quotas(services: Services, image: Image) -> None:
    _check_count(services, "image_property_quota", "additional properties", _counted(image.properties))
    _check_count(services, "image_tag_quota", "tags", len(image.tags))


def _check_growth(services: Services, image: Image, values: Mapping[str, Any]) -> None:
    """Quotas of what a patch makes; an image that is above already may be changed as long as it does not grow."""
    if "properties" in values and _counted(values["properties"]) > _counted(image.properties):
        _check_count(services, "image_property_quota", "additional properties", _counted(values["properties"]))
    if "tags" in values and len(values["tags"]) > len(image.tags):
        _check_count(services, "image_tag_quota", "tags", len(values["tags"]))


def _counted(properties: Mapping[str, Any]) -> int:
    return sum(not name.startswith(RESERVED_PREFIX) for name in properties)


def _check_count(services: Services, option: str, what: str, attempted: int) -> None:
    maximum = services.config[option]
    if 0 <= maximum < attempted:
        raise QuotaExceeded(what=what, attempted=attempted, maximum=maximum)
