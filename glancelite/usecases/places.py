"""The locations API: where the data of a new image is, told by whoever put it there."""

import string
import uuid
from typing import Any

from ..domain.context import Context
from ..domain.image import Image, Location
from ..domain.task import LOCK, REASON, Task
from ..errors import (
    BadRequest,
    ChangedMeanwhile,
    Conflict,
    Forbidden,
    ImportInProgress,
    InvalidLocation,
    StatusConflict,
)
from .images import on_top, require
from .services import Services

_DIGITS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
_URL_MAX = 2048


def check_place(body: Any) -> tuple[str, dict[str, str] | None]:
    """URL and hash from a body; BadRequest for what is none."""
    url = body.get("url") if isinstance(body, dict) else None
    if not isinstance(url, str):
        raise BadRequest(reason="The body must be an object with a 'url'.")
    if len(url) > _URL_MAX or not url.partition("://")[2]:
        raise InvalidLocation(reason=f"a URL has a scheme, a place, and at most {_URL_MAX} characters.")
    given = body.get("validation_data")
    return url, None if given is None else _check_hash(given)


def _check_hash(given: Any) -> dict[str, str]:
    if not isinstance(given, dict) or set(given) - {"os_hash_algo", "os_hash_value"}:
        raise BadRequest(reason="'validation_data' has os_hash_algo and os_hash_value, and nothing else.")
    if not given:
        return {}
    algorithm, value = given.get("os_hash_algo"), given.get("os_hash_value")
    if not isinstance(algorithm, str) or algorithm not in _DIGITS:
        raise BadRequest(reason=f"os_hash_algo must be one of {', '.join(_DIGITS)}.")
    if not isinstance(value, str) or len(value) != _DIGITS[algorithm] or not set(value) <= set(string.hexdigits):
        raise BadRequest(reason=f"os_hash_value must be {_DIGITS[algorithm]} hexadecimal digits for {algorithm}.")
    return {"os_hash_algo": algorithm, "os_hash_value": value.lower()}


def add_place(services: Services, context: Context, image: Image, url: str, given: dict[str, str] | None) -> Task:
    """Enter a task that makes the place a queued image's own."""
    if not {"service", "admin"} & {*context.roles, *context.service_roles} and not url.startswith("http"):
        raise Forbidden(reason="Only services enter locations other than http:// and https:// ones.")
    store = services.stores.find_foreign(url)
    if store is None:
        if not context.is_admin and "service" not in (*context.roles, *context.service_roles):
            raise Forbidden(reason="There is no store here that reads such locations.")
        raise InvalidLocation(reason=f"there is no store that reads {url.partition(':')[0]:.20} URLs.")
    place = Location(url, store.id, {"store": store.id})

    def attempt(current: Image) -> Task:
        if current.status != "queued":
            raise StatusConflict(image_id=current.id, status=current.status, wanted="active")
        holder = current.properties.get(LOCK)
        if holder:
            raise ImportInProgress(image_id=current.id, task_id=holder)
        task = _make_task(services, context, current, place, given)
        properties = {name: value for name, value in current.properties.items() if name != REASON}
        changes = {"properties": {**properties, LOCK: task.id}}
        return services.registry.begin_import(context, current, changes, task)

    try:
        task = on_top(services, context, image, "add_image_location", attempt)
    except ChangedMeanwhile as error:
        raise Conflict(reason=f"Image {image.id}: a prior operation is still in progress.") from error
    services.new_task.set()
    return task


def _make_task(
    services: Services, context: Context, image: Image, place: Location, given: dict[str, str] | None
) -> Task:
    return Task(
        id=str(uuid.uuid4()),
        type="location_import",
        owner=context.project_id,
        image_id=image.id,
        user_id=context.user_id,
        request_id=context.request_id,
        input={"image_id": image.id, "loc_url": place.url, "store": place.store, "validation_data": given or {}},
        roles=context.roles,
        process=services.process,
    )


def list_places(services: Services, context: Context, image: Image) -> list[dict[str, Any]]:
    """The image's locations, as the locations API shows them."""
    require(services, context, "fetch_image_location", image)
    return [{"url": place.url, "metadata": dict(place.metadata)} for place in image.locations]
