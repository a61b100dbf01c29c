"""Checks bodies against a schema, compiled once, and says in words a person can use what does not fit."""

import json
import math
from collections.abc import Callable
from typing import Any

import fastjsonschema

from ..errors import BadRequest, MalformedJson, SchemaViolation
from .schemas import Schema

_SHOWN = 80


class Validator:
    """A compiled schema. `check(value)` raises SchemaViolation naming the place and the rule."""

    def __init__(self, name: str, schema: Schema) -> None:
        self._name = name
        self._validate: Callable[[Any], Any] = fastjsonschema.compile(schema, use_default=False)

    def check(self, value: Any) -> None:
        try:
            self._validate(value)
        except fastjsonschema.JsonSchemaValueException as error:
            raise SchemaViolation(schema=self._name, reason=_sentence(error)) from error


MAX_DEPTH = 32
"""Levels of nesting that a body of the API may have: no schema of ours needs ten."""


def parse_json(body: bytes, max_depth: int = MAX_DEPTH) -> Any:
    """A JSON document from bytes; MalformedJson for whatever is not one (NaN, bad UTF-8, endless nesting included)."""
    try:
        document = json.loads(body.decode(), parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError as error:
        raise MalformedJson(reason="it is nested too deeply") from error
    except UnicodeDecodeError as error:
        raise MalformedJson(reason="it is not UTF-8") from error
    except ValueError as error:
        raise MalformedJson(reason=str(error)) from error
    if not _is_flat(document, max_depth):
        raise MalformedJson(reason="it is nested too deeply")
    return document


def _is_flat(document: Any, depth: int) -> bool:
    """Has the document at most this many levels? Level by level, so that no depth is too much to look at."""
    level = [document]
    while level and depth:
        inner = [list(one.values()) if isinstance(one, dict) else one for one in level if isinstance(one, (dict, list))]
        level, depth = [item for items in inner for item in items], depth - 1
    return not any(isinstance(one, (dict, list)) for one in level)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text:.40} is beyond what a number can be")
    return number


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def check_text(what: str, text: str) -> None:
    """Refuse characters that no database of ours keeps alike: NUL, lone surrogates, and those beyond U+FFFF.

    The last is Glance's rule (its MySQL schema had three bytes for a character); clients test for the 400.
    """
    for character in text:
        point = ord(character)
        if point == 0 or 0xD800 <= point <= 0xDFFF or point > 0xFFFF:
            raise BadRequest(reason=f"{what} holds the character U+{point:04X}, which is not supported.")


def check_all_text(what: str, value: Any) -> None:
    """`check_text` for every string in a JSON value, keys included. Walks without recursion: depth is the caller's."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if not item.isascii() or "\0" in item:
                check_text(what, item)
        elif isinstance(item, dict):
            stack.extend(item.keys())
            stack.extend(item.values())
        elif isinstance(item, (list, tuple)):
            stack.extend(item)


def check_integers(what: str, value: Any) -> None:
    """Refuse integers in a JSON value that have more than 64 bits: others than us could not read them back."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, int) and not -(1 << 63) <= item < 1 << 63:
            raise BadRequest(reason=f"{what} holds a number that is beyond 64 bits.")
        if isinstance(item, (dict, list)):
            stack.extend(item.values() if isinstance(item, dict) else item)


def _sentence(error: Any) -> str:
    path = ".".join(str(part) for part in error.path[1:]) or "body"
    shown = json.dumps(error.value, default=str)
    if len(shown) > _SHOWN:
        shown = shown[:_SHOWN] + "…"
    rule, wanted = error.rule, error.rule_definition
    words: dict[str, Callable[[], str]] = {
        "type": lambda: f"must be of type {wanted if isinstance(wanted, str) else ' or '.join(wanted)}",
        "enum": lambda: "must be one of " + ", ".join("null" if w is None else str(w) for w in wanted),
        "maxLength": lambda: f"must be at most {wanted} characters long",
        "minLength": lambda: f"must be at least {wanted} characters long",
        "minimum": lambda: f"must be at least {wanted}",
        "maximum": lambda: f"must be at most {wanted}",
        "pattern": lambda: "must be a UUID" if "{8}" in str(wanted) else f"must match {wanted}",
        "propertyNames": lambda: "names must be at most 255 characters long",
        "required": lambda: "must have " + ", ".join(wanted),
    }
    sentence = words[rule]() if rule in words else error.message
    return f"{shown} is not valid for '{path}': it {sentence}."
