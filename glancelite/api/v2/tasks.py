"""Views of tasks."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from flask import Response
from werkzeug.wsgi import get_host

from ...domain.image import format_time
from ...domain.query import Pairs, parse_pairs
from ...domain.task import SORT_KEYS, STATUSES, TYPES, Task, TaskQuery
from ...errors import InvalidParameter
from ...usecases import tasks
from ..answers import json_response
from ..gate import Call
from ..http import caller_token, read_json


def parse_create(call: Call) -> dict[str, Any]:
    return tasks.check_task(call.services, read_json(call.request))


def create(call: Call) -> Response:
    task = tasks.create_task(call.services, call.context, call.payload, caller_token(call.request))
    environ = call.request.environ
    location = f"{environ['wsgi.url_scheme']}://{get_host(environ)}{environ.get('SCRIPT_NAME', '')}/v2/tasks/{task.id}"
    return json_response(to_document(task), 201, {"Location": location})


def show(call: Call) -> Response:
    return json_response(to_document(tasks.show_task(call.services, call.context, call.path["task_id"])))


def parse_list(call: Call) -> tuple[Pairs, TaskQuery]:
    pairs = parse_pairs(call.request.environ.get("QUERY_STRING", ""))
    single, config = dict(pairs), call.services.config
    query = TaskQuery(
        limit=_parse_limit(single.get("limit"), config["limit_param_default"], config["api_limit_max"]),
        status=_parse_choice(single, "status", STATUSES),
        type=_parse_choice(single, "type", TYPES),
        sort_key=_parse_choice(single, "sort_key", SORT_KEYS) or "created_at",
        is_ascending=_parse_choice(single, "sort_dir", ("asc", "desc")) == "asc",
        marker=single.get("marker"),
    )
    return pairs, query


def _parse_choice(single: dict[str, str], name: str, choices: tuple[str, ...]) -> str | None:
    value = single.get(name)
    if value is not None and value not in choices:
        raise InvalidParameter(name=name, reason=f"it must be one of {', '.join(choices)}, not '{value:.80}'.")
    return value


def _parse_limit(text: str | None, default: int, maximum: int) -> int:
    if text is None:
        return min(default, maximum)
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise InvalidParameter(name="limit", reason=f"it must be a whole number of at least 0, not '{text:.80}'.")
    return min(int(text), maximum)


def list_page(call: Call) -> Response:
    pairs, query = call.payload
    page = tasks.list_tasks(call.services, call.context, query)
    document: dict[str, Any] = {"tasks": [_stub(task) for task in page], "first": _link(pairs, None)}
    if page and len(page) == query.limit:
        document["next"] = _link(pairs, page[-1].id)
    return json_response(document | {"schema": "/v2/schemas/tasks"})


def _link(pairs: Pairs, marker: str | None) -> str:
    kept = [pair for pair in pairs if pair[0] != "marker"] + ([("marker", marker)] if marker else [])
    return "/v2/tasks" + (f"?{urlencode(kept)}" if kept else "")


def list_of_image(call: Call) -> Response:
    found = tasks.list_image_tasks(call.services, call.context, call.image.id)
    return json_response({"tasks": [_full(task) for task in found]})


def to_document(task: Task) -> dict[str, Any]:
    """The task as clients see it."""
    document = _stub(task) | {"input": tasks.shown_input(task), "result": task.result, "message": task.message}
    return document | {"self": f"/v2/tasks/{task.id}", "schema": "/v2/schemas/task"}


def _stub(task: Task) -> dict[str, Any]:
    """What a list says of a task."""
    document: dict[str, Any] = {
        "id": task.id,
        "type": task.type,
        "status": task.status,
        "owner": task.owner,
        "created_at": format_time(task.created_at),
        "updated_at": format_time(task.updated_at),
        "self": f"/v2/tasks/{task.id}",
        "schema": "/v2/schemas/task",
    }
    if task.expires_at is not None:
        document["expires_at"] = format_time(task.expires_at)
    named = {name: getattr(task, name) for name in ("image_id", "request_id", "user_id")}
    return document | {name: value for name, value in named.items() if value}


def _full(task: Task) -> dict[str, Any]:
    """A task among those of an image: times to the microsecond, as these have always been."""
    names = ("id", "type", "status", "owner", "image_id", "request_id", "user_id", "result", "message")
    times = {name: _moment(getattr(task, name)) for name in ("expires_at", "created_at", "updated_at")}
    plain = {name: getattr(task, name) for name in names}
    return plain | times | {"deleted_at": None, "deleted": False, "input": tasks.shown_input(task)}


def _moment(microseconds: int | None) -> str | None:
    if microseconds is None:
        return None
    seconds, rest = divmod(microseconds, 1_000_000)
    return (
        datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None, microsecond=rest).isoformat(timespec="microseconds")
    )
