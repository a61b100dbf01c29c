"""What a list of images asks for: filters, sort order, page. Query parameters become an ImageQuery.

Nothing here knows SQL; the registry turns an ImageQuery into statements.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from ..errors import BadRequest, InvalidParameter
from .fields import BY_NAME, SORT_KEYS, UUID_PATTERN, VISIBILITIES

Pairs = Sequence[tuple[str, str]]

_SECOND = 1_000_000
_INTEGER_LIMIT = (1 << 63) - 1
_MEMBER_STATUSES = ("accepted", "pending", "rejected", "all")
_CONTROL = (
    "limit",
    "marker",
    "sort",
    "sort_key",
    "sort_dir",
    "visibility",
    "member_status",
    "os_hidden",
    "tag",
    "deleted",
)
_OPERATOR = re.compile(r"^([^:]*):(.*)$", re.DOTALL)
_TIME_OPERATOR = re.compile(r"^(gte|gt|lte|lt|eq|neq):(.*)$", re.DOTALL)
_RANGE = re.compile(r"^(.+)_(min|max)$")
_MAX_PARAMETERS = 1000


@dataclass(frozen=True)
class Condition:
    """A test of one column: `op` is in, at_least, below, within or outside (a half-open range).

    Values are in the column's units.
    """

    name: str
    op: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class ImageQuery:
    """One page of a list. `sort` holds (key, is_ascending) and is a total order; `is_empty` says nothing can match."""

    limit: int
    visibility: str | None = None
    member_status: str = "accepted"
    os_hidden: bool = False
    conditions: tuple[Condition, ...] = ()
    tags: tuple[str, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    sort: tuple[tuple[str, bool], ...] = (("created_at", False), ("id", False))
    marker: str | None = None
    is_empty: bool = False


def parse_pairs(query_string: str) -> Pairs:
    """The parameters of a query string; 400 for bytes that are not UTF-8."""
    try:
        return parse_qsl(query_string, keep_blank_values=True, errors="strict", max_num_fields=_MAX_PARAMETERS)
    except UnicodeDecodeError as error:
        raise BadRequest(reason="The query string is not UTF-8.") from error
    except ValueError as error:
        raise BadRequest(reason=f"The query string is not understood: {error}.") from error


def parse_query(pairs: Pairs, default_limit: int, max_limit: int) -> ImageQuery:
    """The page that these parameters ask for; raises InvalidParameter naming the one that is wrong."""
    single = dict(pairs)
    conditions: list[Condition] = []
    properties: list[tuple[str, str]] = []
    for name, value in single.items():
        if name not in _CONTROL:
            _parse_filter(name, value, conditions, properties)
    visibility = _parse_choice(single, "visibility", (*VISIBILITIES, "all", ""))
    return ImageQuery(
        limit=_parse_limit(single.get("limit"), default_limit, max_limit),
        visibility=visibility,
        member_status=_parse_choice(single, "member_status", _MEMBER_STATUSES) or "accepted",
        os_hidden=_parse_flag("os_hidden", single.get("os_hidden", "false").lower()),
        conditions=tuple(conditions),
        tags=tuple(value for name, value in pairs if name == "tag"),
        properties=tuple(properties),
        sort=_parse_sort(pairs),
        marker=_parse_marker(single.get("marker")),
        is_empty=visibility == "" or any(condition.op == "in" and not condition.values for condition in conditions),
    )


def _parse_choice(single: dict[str, str], name: str, choices: Iterable[str]) -> str | None:
    value = single.get(name)
    if value is not None and value not in choices:
        raise InvalidParameter(
            name=name, reason=f"it must be one of {', '.join(filter(None, choices))}, not '{value}'."
        )
    return value


def _parse_limit(text: str | None, default: int, maximum: int) -> int:
    if text is None:
        return min(default, maximum)
    if not re.fullmatch(r"\d{1,400}", text, re.ASCII):
        raise InvalidParameter(name="limit", reason=f"it must be a whole number of at least 0, not '{text}'.")
    return min(int(text), maximum)


def _parse_marker(text: str | None) -> str | None:
    if text is not None and not re.fullmatch(UUID_PATTERN, text):
        raise InvalidParameter(name="marker", reason=f"it must be the id of an image, not '{text}'.")
    return text


def _parse_flag(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise InvalidParameter(name=name, reason=f"it must be true or false, not '{text}'.")
    return text == "true"


# Filters --------------------------------------------------------------------------------------------------------------


def _parse_filter(name: str, value: str, conditions: list[Condition], properties: list[tuple[str, str]]) -> None:
    if name == "changes-since":
        raise InvalidParameter(name=name, reason="it belongs to version 1 of the API.")
    field = BY_NAME.get(name)
    kind = field.filter if field else ""
    limit = _RANGE.match(name)
    if limit and limit[1] in BY_NAME and BY_NAME[limit[1]].filter == "range":
        conditions.append(_parse_bound(name, limit[1], limit[2], value))
    elif kind == "operators":
        conditions.append(Condition(name, "in", _storable(_parse_operator(name, value))))
    elif kind == "time":
        conditions.append(_parse_time(name, value))
    elif kind == "flag":
        conditions.append(Condition(name, "in", (_parse_flag(name, value),)))
    elif kind in ("equal", "range"):
        conditions.append(Condition(name, "in", _parse_equal(name, value)))
    else:
        properties.append((name, value))


def _storable(values: tuple[str, ...]) -> tuple[str, ...]:
    """Values that may be in a database at all; some refuse to be asked about the others."""
    return tuple(value for value in values if "\0" not in value)


def _parse_equal(name: str, value: str) -> tuple[str | int, ...]:
    if BY_NAME[name].type != "integer":
        return _storable((value,))
    # Glance quirk: text never equals a number, so the list is empty rather than refused.
    return (int(value),) if re.fullmatch(r"-?\d{1,18}", value, re.ASCII) else ()


def _parse_bound(name: str, column: str, end: str, value: str) -> Condition:
    if not re.fullmatch(r"[+-]?\d{1,400}", value, re.ASCII):
        raise InvalidParameter(name=name, reason=f"it must be a whole number, not '{value:.80}'.")
    number = max(-_INTEGER_LIMIT, min(int(value), _INTEGER_LIMIT - 1))
    return Condition(column, "at_least", (number,)) if end == "min" else Condition(column, "below", (number + 1,))


def _parse_operator(name: str, value: str) -> tuple[str, ...]:
    found = _OPERATOR.match(value)
    if not found:
        return (value,) if value else ()
    operator, operand = found[1], found[2]
    if operator == "eq":
        return (operand,)
    if operator == "in":
        return tuple(_split_quoted(name, operand))
    raise InvalidParameter(
        name=name,
        reason=f"operator '{operator}' is not known here (eq and in are); write a value with a colon as eq:VALUE.",
    )


def _split_quoted(name: str, text: str) -> list[str]:
    """Items of `a,b,"c,d"`; within quotes a backslash takes the next character as it is."""
    if not text:
        return []
    item = r'"((?:[^"\\]|\\.)*)"|([^",]*)'
    values, at = [], 0
    while True:
        found = re.compile(item, re.DOTALL).match(text, at)
        if found is None:  # pragma: no cover - the pattern matches the empty string
            raise InvalidParameter(name=name, reason="its list is not understood.")
        quoted = found[1]
        values.append(re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL) if quoted is not None else found[2])
        at = found.end()
        if at == len(text):
            return values
        if text[at] != ",":
            raise InvalidParameter(name=name, reason="quotes must surround a whole item of the list.")
        at += 1


def _parse_time(name: str, value: str) -> Condition:
    """Times are compared by whole seconds, as they are shown."""
    found = _TIME_OPERATOR.match(value)
    operator, text = (found[1], found[2]) if found else ("eq", value)
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidParameter(
            name=name, reason=f"'{value}' is not an ISO 8601 time with one of its operators."
        ) from error
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    stamp = (delta.days * 86400 + delta.seconds) * _SECOND + delta.microseconds
    below = stamp // _SECOND * _SECOND
    above = below + _SECOND
    least = below if stamp == below else above
    bounds: dict[str, tuple[str, tuple[int, ...]]] = {
        "gt": ("at_least", (above,)),
        "gte": ("at_least", (least,)),
        "lt": ("below", (least,)),
        "lte": ("below", (above,)),
        "eq": ("within", (least, above)),
        "neq": ("outside", (least, above)),
    }
    return Condition(name, *bounds[operator])


# Sorting --------------------------------------------------------------------------------------------------------------


def _parse_sort(pairs: Pairs) -> tuple[tuple[str, bool], ...]:
    keys = [value for name, value in pairs if name == "sort_key"]
    directions = [value for name, value in pairs if name == "sort_dir"]
    new = [value for name, value in pairs if name == "sort"]
    if new and (keys or directions):
        raise InvalidParameter(name="sort", reason="it cannot be mixed with sort_key and sort_dir.")
    chosen = _parse_new_sort(new[-1]) if new else _parse_classic_sort(keys, directions)
    for key, direction in chosen:
        if key not in SORT_KEYS:
            raise InvalidParameter(name="sort_key", reason=f"'{key}' is not one of {', '.join(SORT_KEYS)}.")
        if direction not in ("asc", "desc"):
            raise InvalidParameter(name="sort_dir", reason=f"it must be asc or desc, not '{direction}'.")
    order: dict[str, bool] = {}
    for key, direction in (*chosen, ("created_at", "desc"), ("id", "desc")):
        order.setdefault(key, direction == "asc")
    return tuple(order.items())


def _parse_new_sort(text: str) -> list[tuple[str, str]]:
    items = [item.strip().partition(":") for item in text.split(",")]
    return [(key, direction if colon else "desc") for key, colon, direction in items]


def _parse_classic_sort(keys: list[str], directions: list[str]) -> list[tuple[str, str]]:
    keys = keys or (["created_at"] if directions else [])
    if len(directions) > 1 and len(directions) != len(keys):
        raise InvalidParameter(name="sort_dir", reason="give one direction for all keys, or one for each.")
    if len(directions) <= 1:
        directions = (directions or ["desc"]) * len(keys)
    return list(zip(keys, directions, strict=True))
