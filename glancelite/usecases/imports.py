"""Asking for an import: what is checked before anything is promised. The work itself is that of tasks."""

import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..domain.context import Context
from ..domain.digest import Digest, parse_digest
from ..domain.fields import UUID_PATTERN, missing_formats
from ..domain.image import Image
from ..domain.limits import SIZE
from ..domain.signature import is_signed
from ..domain.task import BEFORE, FAILED_IMPORT, IMPORTING_TO, LOCK, PLUGINS_DONE, REASON, Task
from ..errors import (
    BadRequest,
    ChangedMeanwhile,
    Conflict,
    ImportInProgress,
    LimitExceeded,
    TaskNotFound,
    UnknownStore,
)
from ..fetch import check_url, read_rules
from .images import on_top, require
from .limits import find_bounds
from .services import Services

METHODS: Mapping[str, str] = {
    "glance-direct": "uploading",
    "web-download": "queued",
    "copy-image": "active",
    "glance-download": "queued",
}
"""The import methods, with the status that an image must be in."""
INTERFACES = ("public", "internal", "admin")

_KEYS = ("name", "uri", "checksum", "glance_image_id", "glance_region", "glance_service_interface")
"""Of a method: whatever else a body says of it is ignored, and not kept."""
_LOCKED_FOR = 60 * 60
_WAITING_FOR = 120 * 60
"""Seconds after which the lock of a task that says nothing more may be taken over: one at work, one that waits."""


@dataclass(frozen=True)
class ImportRequest:
    """A checked body. `stores` None: none were named."""

    method: Mapping[str, Any]
    stores: tuple[str, ...] | None
    all_stores: bool
    must_succeed: bool
    has_choice: bool
    """Did the body say whether all stores must succeed?"""
    digest: Digest | None = None

    @property
    def name(self) -> str:
        return str(self.method["name"])


@dataclass(frozen=True)
class Region:
    """Where the image service of another region is, None where the caller's catalog knows none."""

    endpoint: str | None


def enabled_methods(services: Services) -> list[str]:
    """The methods that this service offers."""
    return [name for name in services.config["enabled_import_methods"] if name in METHODS]


def check_import(services: Services, context: Context, body: Any) -> ImportRequest:
    """What a body asks for, before its image is looked at; 400 for what is none, 413 when a limit is passed already."""
    method = body.get("method") if isinstance(body, dict) else None
    if not isinstance(method, dict) or not isinstance(method.get("name"), str):
        raise BadRequest(reason='The body must name an import method: {"method": {"name": …}}.')
    if method["name"] not in enabled_methods(services):
        raise BadRequest(reason=f"Unknown import method name '{method['name']:.80}'.")
    for name in ("all_stores", "all_stores_must_succeed"):
        if name in body and not isinstance(body[name], bool):
            raise BadRequest(reason=f"'{name}' must be true or false.")
    stores = body.get("stores")
    if stores is not None and not (isinstance(stores, list) and all(isinstance(one, str) for one in stores)):
        raise BadRequest(reason="'stores' must be a list of store ids.")
    if stores is not None and not stores:
        raise BadRequest(reason="'stores' names no store.")
    request = ImportRequest(
        method=method,
        stores=None if stores is None else tuple(dict.fromkeys(stores)),
        all_stores=body.get("all_stores", False),
        must_succeed=body.get("all_stores_must_succeed", True),
        has_choice="all_stores_must_succeed" in body,
        digest=_read_digest(method),
    )
    _check_size_limit(services, context)
    return request


def _read_digest(method: Mapping[str, Any]) -> Digest | None:
    text = method.get("checksum")
    if text is None:
        return None
    try:
        if not isinstance(text, str) or method["name"] == "copy-image":
            raise ValueError("it goes with methods that bring data in, as ALGORITHM:HEX")
        return parse_digest(text)
    except ValueError as error:
        raise BadRequest(reason=f"'checksum' of the method is not understood: {error}.") from error


def _check_size_limit(services: Services, context: Context) -> None:
    """Raise LimitExceeded when the caller's project has more image data than it may."""
    project = context.project_id
    bound = find_bounds(services, project, SIZE).get(SIZE.name)
    if bound is None or project is None:
        return
    used = services.registry.show_usage(context, project).size
    if used > bound:
        figures = {"usage": used // SIZE.unit, "asked": 0, "limit": bound // SIZE.unit}
        raise LimitExceeded(resource=SIZE.name, project=project, **figures)


def import_image(
    services: Services,
    context: Context,
    image: Image,
    request: ImportRequest,
    header_store: str | None = None,
    region: Region | None = None,
    token: str = "",
) -> Task:
    """Take the image for an import and enter its task; whoever is free then does the work.

    The caller's token is remembered for those that ask another service in its name.
    """
    rule = "copy_image" if request.name == "copy-image" else "modify_image"

    def attempt(current: Image) -> Task:
        _check_status(current, request)
        _check_staged(services, current, request)
        _check_source(request)
        require(services, context, rule, current)
        preempted = _find_expired_lock(services, current)
        stores = _choose_stores(services, current, request, header_store)
        if request.name == "web-download":
            check_source_url(services, request.method.get("uri"))
        task = _make_task(services, context, current, request, stores, region)
        if region is not None or is_signed(current.properties):
            services.tokens[task.id] = token
        try:
            changes = _take(current, task, stores)
            return services.registry.begin_import(context, current, changes, task, preempted)
        except BaseException:
            services.tokens.pop(task.id, None)
            raise

    try:
        task = on_top(services, context, image, rule, attempt)
    except ChangedMeanwhile as error:
        raise Conflict(reason=f"Image {image.id}: a prior operation is still in progress.") from error
    services.new_task.set()
    return task


def _take(image: Image, task: Task, stores: tuple[str, ...]) -> dict[str, Any]:
    """What the image says from now on: whose it is, and where its data goes."""
    properties = {name: value for name, value in image.properties.items() if name != REASON}
    properties |= {LOCK: task.id, IMPORTING_TO: ",".join(sorted(stores)), FAILED_IMPORT: ""}
    changes: dict[str, Any] = {"properties": properties}
    return changes if image.status == "active" else changes | {"status": "importing"}


def _check_status(image: Image, request: ImportRequest) -> None:
    wanted = METHODS[request.name]
    if image.status != wanted:
        hint = "needs to be staged" if request.name == "glance-direct" else f"must be {wanted}"
        raise Conflict(reason=f"Image {image.id} is {image.status}; it {hint} before {request.name} is used.")
    missing = ", ".join(missing_formats(image.disk_format, image.container_format))
    if missing:
        raise Conflict(reason=f"Properties {missing} of image {image.id} must be set before an import.")


def _check_staged(services: Services, image: Image, request: ImportRequest) -> None:
    """Raise Conflict where data still comes into staging and would be lost to both, or is not as it was put there."""
    if request.name == "glance-direct" and services.registry.find_staged(image.id) is None:
        raise Conflict(reason=f"Image {image.id} is still being staged; it needs to be staged before it is imported.")
    if request.digest is not None and PLUGINS_DONE in image.properties:
        reason = f"What image {image.id} has staged was worked on by plugins already; a checksum can say nothing of it."
        raise Conflict(reason=reason)


def _check_source(request: ImportRequest) -> None:
    if request.name != "glance-download":
        return
    region, image_id = request.method.get("glance_region"), request.method.get("glance_image_id")
    interface = request.method.get("glance_service_interface", "public")
    if not isinstance(region, str) or not isinstance(image_id, str):
        raise BadRequest(reason="glance-download needs glance_image_id and glance_region.")
    if not re.fullmatch(UUID_PATTERN, image_id):
        raise BadRequest(reason=f"glance-download: image id does not look like a UUID: {image_id:.80}")
    if interface not in INTERFACES:
        raise BadRequest(reason=f"glance_service_interface must be one of {', '.join(INTERFACES)}.")


def check_source_url(services: Services, uri: Any) -> None:
    """Raise UriRefused, or BadRequest, for what may not be fetched."""
    if not isinstance(uri, str):
        raise BadRequest(reason="URI for web-download does not pass filtering: there is no 'uri'.")
    check_url(uri, read_rules(services.config))


def _find_expired_lock(services: Services, image: Image) -> str | None:
    """The task whose lock has run out, None where there is none; ImportInProgress while one holds it."""
    holder = image.properties.get(LOCK)
    if not holder:
        return None
    try:
        task = services.registry.show_task(Context(admin=True), holder)
    except TaskNotFound:
        return holder
    age = time.time() - task.updated_at / 1_000_000
    if task.has_ended or age > (_WAITING_FOR if task.status == "pending" else _LOCKED_FOR):
        return holder
    raise ImportInProgress(image_id=image.id, task_id=holder)


def _choose_stores(
    services: Services, image: Image, request: ImportRequest, header_store: str | None
) -> tuple[str, ...]:
    """Where the data goes, in order."""
    stores = services.stores
    if not stores.is_multi:
        if request.has_choice and not request.must_succeed:
            raise BadRequest(reason="all_stores_must_succeed can be false only where there are several stores.")
        if request.name == "copy-image":
            raise BadRequest(reason="copy-image needs a service with several stores.")
        return (stores.default.id,)
    named = request.stores
    if (named is not None and request.all_stores) or (header_store and (named is not None or request.all_stores)):
        raise BadRequest(reason="Name stores in one way only: stores, all_stores or X-Image-Meta-Store.")
    for one in (*(named or ()), *((header_store,) if header_store else ())):
        if stores.get(one) is None:
            raise Conflict(reason=str(UnknownStore(store=one)))
    chosen = named or (tuple(store.id for store in stores) if request.all_stores else None)
    chosen = chosen or (header_store or stores.default.id,)
    if request.name != "copy-image":
        return chosen
    present = {location.store for location in image.locations}
    if request.all_stores:
        return tuple(one for one in chosen if one not in present)
    there = [one for one in chosen if one in present]
    if there:
        raise BadRequest(reason=f"Image {image.id} is in store '{there[0]}' already.")
    return chosen


def _remember(image: Image) -> dict[str, Any]:
    """What an import may change and has to bring back when it fails."""
    formats = {"disk_format": image.disk_format, "container_format": image.container_format}
    return {**formats, "properties": dict(image.properties)}


def _make_task(
    services: Services,
    context: Context,
    image: Image,
    request: ImportRequest,
    stores: tuple[str, ...],
    region: "Region | None",
) -> Task:
    method = {name: request.method[name] for name in _KEYS if name in request.method}
    asked: dict[str, Any] = {"method": method, "all_stores_must_succeed": request.must_succeed}
    if request.stores is not None:
        asked["stores"] = list(request.stores)
    if request.all_stores:
        asked["all_stores"] = True
    return Task(
        id=str(uuid.uuid4()),
        type="api_image_import",
        owner=context.project_id,
        image_id=image.id,
        user_id=context.user_id,
        request_id=context.request_id,
        input={
            "image_id": image.id,
            "import_req": asked,
            "backend": list(stores),
            BEFORE: _remember(image),
            **({"endpoint": region.endpoint} if region else {}),
        },
        roles=context.roles,
        process=services.process,
    )
