"""Create, show, list, change and delete images."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ..domain.context import Context
from ..domain.fields import BY_NAME, RESERVED_PREFIX, is_read_only, is_reserved
from ..domain.image import Image, target_of
from ..domain.patch import Change, apply_patch, to_field_value
from ..domain.query import ImageQuery
from ..domain.validate import check_all_text
from ..errors import (
    ActionForbidden,
    ChangedMeanwhile,
    Forbidden,
    ForeignOwner,
    ImageProtected,
    QuotaExceeded,
    ReadOnlyAttribute,
    ReservedAttribute,
)
from .services import Services

T = TypeVar("T")

_TRIES = 10
"""How often a change is made anew on top of a rival's before its caller is told of the conflict."""
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
    if not services.policy.allows(context, "add_image", target_of(image)):
        if "owner" in values and values["owner"] != context.project_id:
            raise ForeignOwner(owner=values["owner"])
        raise _refusal(context, "add_image")
    _check_visibility(services, context, image, values)
    _check_quotas(services, image)
    return services.registry.create_image(context, image)


def list_images(services: Services, context: Context, query: ImageQuery) -> tuple[Image, ...]:
    """One page of the images that this caller may see listed."""
    return services.registry.list_images(context, query)


def update_image(services: Services, context: Context, image: Image, changes: Sequence[Change]) -> Image:
    """Apply a patch, all of it or nothing; on top of a rival's change where one was faster."""

    def attempt(current: Image) -> Image:
        values = apply_patch(current, changes)
        if "owner" in values and not context.is_admin:
            raise ForeignOwner(owner=values["owner"])
        _check_visibility(services, context, current, values)
        _check_growth(services, current, values)
        if not values:
            return current
        return services.registry.update_image(context, current.id, current.revision, values)

    return _on_top(services, context, image, "modify_image", attempt)


def delete_image(services: Services, context: Context, image: Image) -> None:
    """Delete the image and let its bytes be dropped, at once or after `scrub_time` with `delayed_delete`."""
    config = services.config

    def attempt(current: Image) -> None:
        if current.protected:
            raise ImageProtected(image_id=current.id)
        has_delay = config["delayed_delete"] and current.locations
        delay = float(config["scrub_time"]) if has_delay else None
        services.registry.delete_image(context, current.id, current.revision, delay)

    _on_top(services, context, image, "delete_image", attempt)
    services.wake.set()


def require(services: Services, context: Context, rule: str, image: Image) -> None:
    """Raise ActionForbidden (403) unless the rule lets this caller do it to this image."""
    if not services.policy.allows(context, rule, target_of(image)):
        raise _refusal(context, rule)


def _refusal(context: Context, rule: str) -> Forbidden:
    return (
        Forbidden(reason="Read-only access: this needs credentials.")
        if context.is_anonymous
        else ActionForbidden(rule=rule)
    )


def _on_top(services: Services, context: Context, image: Image, rule: str, attempt: Callable[[Image], T]) -> T:
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
