"""Tasks as callers see them: asked for by administrators, listed, shown."""

import uuid
from typing import Any

from ..domain.context import Context
from ..domain.signature import is_signed
from ..domain.task import BEFORE, Task, TaskQuery
from ..errors import BadRequest
from ..fetch import show_url
from .images import check_create
from .imports import check_source_url
from .services import Services

_INPUT = {"import_from": str, "import_from_format": str, "image_properties": dict}
_KEYS = ("type", "input")
_HIDDEN = (BEFORE, "endpoint")


def check_task(services: Services, body: Any) -> dict[str, Any]:
    """The input of a task from its body; BadRequest for what is none."""
    if not isinstance(body, dict) or not isinstance(body.get("type"), str):
        raise BadRequest(reason="The body must be an object with a type and an input.")
    strange = sorted(set(body) - set(_KEYS))
    if strange:
        raise BadRequest(reason=f"A task has no '{strange[0]:.80}'.")
    if body["type"] != "import":
        reason = f"Tasks of type '{body['type']:.80}' are not made here: only 'import' is; use the import of an image."
        raise BadRequest(reason=reason)
    given = body.get("input")
    if not isinstance(given, dict):
        raise BadRequest(reason="The input must be an object.")
    for name, kind in _INPUT.items():
        if not isinstance(given.get(name), kind):
            raise BadRequest(reason=f"The input must have {name}, {'an object' if kind is dict else 'a text'}.")
    check_source_url(services, given["import_from"])
    check_create(services, _image_body(given))
    return {name: given[name] for name in given if name in _INPUT}


def _image_body(given: dict[str, Any]) -> dict[str, Any]:
    """The body of the image that a task of type import makes."""
    plain = {"disk_format": given["import_from_format"], "container_format": "bare"}
    return {**plain, **given["image_properties"]}


def image_body(task: Task) -> dict[str, Any]:
    """The body of the image that this task makes."""
    return _image_body(dict(task.input))


def shown_input(task: Task) -> dict[str, Any]:
    """A task's input without what is only for the service, and without what may be a secret in its addresses."""
    shown: dict[str, Any] = {name: value for name, value in task.input.items() if name not in _HIDDEN}
    for name in ("import_from", "loc_url"):
        if name in shown:
            shown[name] = show_url(shown[name])
    method = shown.get("import_req", {}).get("method", {})
    if "uri" in method:
        veiled = {**method, "uri": show_url(method["uri"])}
        shown["import_req"] = {**shown["import_req"], "method": veiled}
    return shown


def create_task(services: Services, context: Context, given: dict[str, Any], token: str = "") -> Task:
    """Enter a task of type import: an image is made and its data fetched; a signature is checked with this token."""
    task = Task(
        id=str(uuid.uuid4()),
        type="import",
        owner=context.project_id,
        image_id=str(uuid.uuid4()),
        user_id=context.user_id,
        request_id=context.request_id,
        input=given,
        roles=context.roles,
        process=services.process,
    )
    if is_signed(given["image_properties"]):
        services.tokens[task.id] = token
    try:
        created = services.registry.add_task(context, task)
    except BaseException:
        services.tokens.pop(task.id, None)
        raise
    services.new_task.set()
    return created


def show_task(services: Services, context: Context, task_id: str) -> Task:
    return services.registry.show_task(context, task_id)


def list_tasks(services: Services, context: Context, query: TaskQuery) -> tuple[Task, ...]:
    return services.registry.list_tasks(context, query) if query.limit else ()


def list_image_tasks(services: Services, context: Context, image_id: str) -> tuple[Task, ...]:
    return services.registry.list_image_tasks(context, image_id)
