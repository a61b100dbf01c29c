"""What an image consists of, from the field table."""

from typing import Any

from docs.pages.markdown import code, compose, table
from glancelite.domain.fields import FIELDS, KNOWN_PROPERTIES, RESERVED, RESERVED_PREFIX, Field

INTRO = """
`always`: set when the image is created and by PATCH; `create`: only then; `never`: by the service. *List* says
what a list can do with a field. `equal`, `operators`, `range`, `time` and `flag` are filters by its name:
`operators` also takes `in:A,B,"C,D"` and `eq:VALUE`; `range` also `<name>_min` and `<name>_max`; `time` takes
an ISO 8601 time with `gt:`, `gte:`, `lt:`, `lte:`, `eq:` or `neq:` before it; `flag` is true or false. Fields
marked `sort` are sort keys. A list has filters `visibility`, `member_status` and `tag` besides.
"""

PROPERTIES = """
Whatever else a client sets is an additional property: a text with a name of up to 255 characters. These have
rules of their own:
"""


def page() -> str:
    """docs/reference/fields.md"""
    head = ("Field", "Type", "Set", "Default", "List", "Limits", "What it is")
    fields = table(head, map(_row, FIELDS))
    names = ", ".join(code(name) for name in RESERVED)
    reserved = f"Nobody may use the names {names} and those that begin with `{RESERVED_PREFIX}`."
    known = table(("Property", "Values", "What it is"), [_property(*item) for item in KNOWN_PROPERTIES.items()])
    parts = (INTRO, fields, "## Additional properties", PROPERTIES, known, reserved)
    return compose("Fields of an image", "glancelite/domain/fields.py", *parts)


def _row(field: Field) -> tuple[Any, ...]:
    kind = field.type + (" or null" if field.nullable else "")
    default = "" if field.default in (None, ()) else code(str(field.default).lower())
    lists = ", ".join(filter(None, (field.filter, "sort" if field.is_sort_key else "")))
    return code(field.name), kind, field.writable, default, lists, _limits(field), field.description


def _limits(field: Field) -> str:
    if field.enum:
        return ", ".join(field.enum)
    if field.pattern:
        return "a UUID"
    return f"up to {field.max_length} characters" if field.max_length else ""


def _property(name: str, rule: dict[str, Any]) -> tuple[str, str, str]:
    values = ", ".join(rule.get("enum", ())) or ("a UUID or null" if "pattern" in rule else "text")
    return code(name), values, rule["description"]
