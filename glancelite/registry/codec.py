"""The registry's wire: values and errors as JSON, and the signature by which API and daemon know each other.

Which types an operation takes and returns is read from its signature in the port; nothing here lists operations.
"""

import hashlib
import hmac
import inspect
import time
import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Protocol, Union, get_args, get_origin, get_type_hints

import orjson

from ..domain.ports import Registry
from ..errors import ERRORS, GlanceliteError, RegistryUnavailable

OPERATIONS: tuple[str, ...] = tuple(sorted(Registry.__abstractmethods__))
DATE_HEADER = "X-Glancelite-Date"
SIGNATURE_HEADER = "X-Glancelite-Signature"
_SCALARS: dict[Any, tuple[type, ...]] = {str: (str,), int: (int,), float: (float, int), bool: (bool,)}
"""Types of the port, and the types that JSON has for them."""
MAX_SKEW = 300
"""Seconds by which the clocks of two nodes may differ."""


class SupportsGet(Protocol):
    """Headers, whichever library's."""

    def get(self, key: str, default: str, /) -> str: ...


@cache
def signature_of(operation: str) -> tuple[dict[str, Any], Any]:
    """Types of an operation's arguments by name, in order, and of its result."""
    method = getattr(Registry, operation)
    hints = get_type_hints(method)
    names = [name for name in inspect.signature(method).parameters if name != "self"]
    return {name: hints[name] for name in names}, hints["return"]


def to_wire(value: Any) -> bytes:
    """A value as JSON: dataclasses are objects, tuples arrays."""
    return orjson.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    """What orjson does not know by itself."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} does not go over the wire")


def from_wire(kind: Any, value: Any) -> Any:
    """A value of this type from its parsed JSON. Raises TypeError, ValueError or KeyError for JSON that is none."""
    return _reader(kind)(value)


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        inner = _reader(next(argument for argument in arguments if argument is not types.NoneType))
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        return _tuple_reader(arguments)
    if isinstance(kind, type) and is_dataclass(kind):
        return _dataclass_reader(kind)
    if kind in _SCALARS:
        return _checking_reader(*_SCALARS[kind])
    return _checking_reader(dict) if origin is Mapping else _listless


def _checking_reader(*kinds: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise TypeError(f"{value!r:.80} is no {kinds[0].__name__}")
        return value

    return read


def _tuple_reader(arguments: tuple[Any, ...]) -> Callable[[Any], Any]:
    array = _checking_reader(list)
    if arguments[-1] is Ellipsis:
        item = _reader(arguments[0])
        return lambda value: tuple(item(one) for one in array(value))
    items = [_reader(argument) for argument in arguments]
    return lambda value: tuple(read(one) for read, one in zip(items, array(value), strict=True))


def _listless(value: Any) -> Any:
    """Untyped values: our own are hashable, so a JSON array was a tuple."""
    return tuple(value) if isinstance(value, list) else value


def _dataclass_reader(kind: type) -> Callable[[Any], Any]:
    hints = get_type_hints(kind)
    readers = {field.name: _reader(hints[field.name]) for field in fields(kind)}
    wanted = readers.keys()

    def read(value: Any) -> Any:
        values = {name: readers[name](item) for name, item in value.items()}
        if values.keys() != wanted:  # the other side is of another version
            return kind(**values)
        made: Any = object.__new__(kind)  # the constructor is what takes longest in reading an image
        made.__dict__.update(values)
        return made

    return read


def error_to_wire(error: GlanceliteError) -> bytes:
    return to_wire({"code": error.code, "details": error.details})


def error_from_wire(document: Any) -> GlanceliteError:
    """The error a daemon answered; one it knows and we do not makes it unavailable to us."""
    try:
        return ERRORS[document["code"]](**document["details"])
    except (KeyError, TypeError):
        return RegistryUnavailable(reason="its answer is not understood; do both run the same version?")


def sign(key: bytes, operation: str, body: bytes) -> dict[str, str]:
    """Headers that prove to the other side that who asks holds the key."""
    date = f"{time.time():.3f}"
    return {DATE_HEADER: date, SIGNATURE_HEADER: _digest(key, operation, date, body)}


def is_signed(key: bytes, operation: str, body: bytes, headers: SupportsGet) -> bool:
    """Does a request carry a valid signature of a date that is not long ago?"""
    date, signature = headers.get(DATE_HEADER, ""), headers.get(SIGNATURE_HEADER, "")
    try:
        age = abs(time.time() - float(date))
    except ValueError:
        return False
    expected = _digest(key, operation, date, body)
    return age <= MAX_SKEW and hmac.compare_digest(expected.encode(), signature.encode())


def _digest(key: bytes, operation: str, date: str, body: bytes) -> str:
    text = "\n".join((operation, date, hashlib.sha256(body).hexdigest()))
    return hmac.digest(key, text.encode(), "sha256").hex()
