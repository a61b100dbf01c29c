"""The `glance` spellings of commands, for who has them in the fingers: one table, from its words to ours.

They are in no help; what they print is what our commands print.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import click

from .fields import VISIBILITIES


class Rule(NamedTuple):
    """What becomes of an option with a value: `to` with the value in place of {}, or @word: kept for the template.

    An option that says True or False has two forms, and a value only when it wants. One with many values has them with
    `between` between them; a blank: in words of their own.
    """

    to: str
    otherwise: str | None = None
    between: str = ""


class Alias(NamedTuple):
    """The commands that do it, with {} for each word that is no option, and the options that are spelled otherwise."""

    lines: tuple[str, ...]
    rules: Mapping[str, Rule] = {}


# fmt: off
_FIELDS = {
    "--visibility": Rule("--{}"), "--protected": Rule("--protected", "--unprotected"),
    "--instance-uuid": Rule("--instance-id {}"), "--tags": Rule("--tag {}", between=" "),
}
_MAKE = _FIELDS | {"--name": Rule("@name"), "--hidden": Rule("--hidden", "")}
_WAY = {
    "--stores": Rule("--store {}", between=","), "--all-stores": Rule("--all-stores", ""),
    "--allow-failure": Rule("--allow-failure", "--disallow-failure"), "--remote-image-id": Rule("--remote-image {}"),
}
ALIASES = {
    "image-create": Alias(("image create {name}",), _MAKE),
    "image-create-via-import": Alias(("image create {name} {import}",), _MAKE | _WAY | {
        "--import-method": Rule("@import")}),
    "image-list": Alias(("image list {sort}",), {
        "--visibility": Rule("--{}"), "--property-filter": Rule("--property {}"), "--limit": Rule("--max-items {}"),
        "--page-size": Rule(""), "--sort-key": Rule("@key"), "--sort-dir": Rule("@direction"),
        "--hidden": Rule("--hidden", ""), "--include-stores": Rule("--include-stores", "")}),
    "image-show": Alias(("image show {}",), {"--max-column-width": Rule("")}),
    "image-update": Alias(("image set {}", "image unset {again} {unset}", "image show {again}"), _FIELDS | {
        "--hidden": Rule("--hidden", "--unhidden"), "--remove-property": Rule("@unset")}),
    "image-delete": Alias(("image delete",)),
    "image-download": Alias(("image save {}",), {
        "--allow-md5-fallback": Rule("", ""), "--prefer": Rule("--store-preference {}", between=",")}),
    "image-upload": Alias(("image upload {}",)),
    "image-stage": Alias(("image stage {}",)),
    "image-import": Alias(("image import {}",), _WAY | {"--import-method": Rule("--method {}")}),
    "import-info": Alias(("image import info",)),
    "image-deactivate": Alias(("image set {} --deactivate",)),
    "image-reactivate": Alias(("image set {} --activate",)),
    "image-tag-update": Alias(("image set {} --tag {}",)),
    "image-tag-delete": Alias(("image unset {} --tag {}",)),
    "image-tasks": Alias(("image task list {}",)),
    "member-create": Alias(("image add project {} {}",)),
    "member-delete": Alias(("image remove project {} {}",)),
    "member-list": Alias(("image member list {image}",), {"--image-id": Rule("@image")}),
    "member-get": Alias(("image member get {} {}",)),
    "member-update": Alias(("image set {} --project {} {status}",)),
    "location-add": Alias(("image location add {}",)),
    "location-update": Alias(("image location set {}",)),
    "location-delete": Alias(("image location unset {}",)),
    "stores-info": Alias(("image stores list",)),
    "stores-delete": Alias(("image delete {} {store}",), {"--store": Rule("@store")}),
    "task-list": Alias(("image task list",), {"--page-size": Rule("")}),
    "task-show": Alias(("image task show {}",)),
    "usage": Alias(("image quota show",)),
    "explain": Alias(("image schema show {}",)),
}
# fmt: on
_STATUSES = {"accepted": "--accept", "rejected": "--reject", "pending": "--pending"}
_VISIBILITIES = (*VISIBILITIES, "all")
_NO = ("false", "0", "no", "n", "off", "f")
_YES = ("true", "1", "yes", "y", "on", "t")


def command_of(alias: Alias) -> list[str]:
    """The name of the command that does it, or does it first."""
    return [word for word in alias.lines[0].split() if word[0] not in "{-"]


def translate(words: list[str], valued: Collection[str]) -> list[list[str]]:
    """The lines of ours for the words of a `glance` command: one, or several that follow each other.

    `valued` are the options of our command that a value follows.
    """
    alias = ALIASES[words[0]]
    plain, options, kept = _read(words[1:], alias.rules, valued)
    first = plain[0] if plain else None
    lines = [_fill(line, plain, kept, first) for line in alias.lines]
    lines[0] += [*options, *plain]
    return [line for line in lines if line[:2] != ["image", "unset"] or "--property" in line or len(lines) == 1]


def _read(
    words: list[str], rules: Mapping[str, Rule], valued: Collection[str]
) -> tuple[list[str], list[str], dict[str, list[str]]]:
    """The words that are no options, the options as ours, and what the template asks for."""
    plain: list[str] = []
    options: list[str] = []
    kept: dict[str, list[str]] = {}
    left = list(words)
    while left:
        word = left.pop(0)
        name, is_said, value = word.partition("=")
        rule = rules.get(name)
        if rule is None and not word.startswith("-"):
            plain.append(word)
        elif rule is None:
            options += [word, *(left[:1] if word in valued else [])]
            del left[: word in valued]
        else:
            values = [value] if is_said else _take(rule, left)
            if rule.to.startswith("@"):
                kept.setdefault(rule.to[1:], []).extend(values)
            else:
                options += _spell(rule, values)
    return plain, options, kept


def _spell(rule: Rule, values: list[str]) -> list[str]:
    """An option as ours."""
    if rule.otherwise is not None:
        said = values[0].lower() if values else "true"
        if said not in _NO + _YES:
            raise click.UsageError(f"'{said}' is neither True nor False.")
        return (rule.otherwise if said in _NO else rule.to).split()
    if rule.to == "--{}" and not set(values) <= set(_VISIBILITIES):
        raise click.UsageError(f"Visibility '{values[0]}' is not one of {', '.join(_VISIBILITIES)}.")
    values = values[0].split(rule.between) if rule.between.strip() and values else values
    return [word.replace("{}", value) for value in values for word in rule.to.split()]


def _take(rule: Rule, left: list[str]) -> list[str]:
    """The values that follow an option."""
    if rule.otherwise is not None:
        return [left.pop(0)] if left[:1] and left[0].lower() in _NO + _YES else []
    taken = [left.pop(0)] if left else []
    while rule.between == " " and left and not left[0].startswith("-"):
        taken.append(left.pop(0))
    return taken


def _fill(line: str, plain: list[str], kept: Mapping[str, list[str]], first: str | None) -> list[str]:
    """A template's words; a word that is missing is left out, for the command to miss it."""
    filled: list[str] = []
    for word in line.split():
        if word == "{}":
            filled += [plain.pop(0)] if plain else []
        elif word == "{status}":
            filled.append(_status(plain))
        elif word == "{store}":
            filled += _store(kept)
        elif word == "{again}":
            filled += [first] if first is not None else []
        elif word == "{sort}":
            filled += _sort(kept)
        elif word == "{unset}":
            filled += [part for name in kept.get("unset", []) for part in ("--property", name)]
        elif word == "{import}":
            filled += ["--import"] if kept.get("import", ["glance-direct"]) == ["glance-direct"] else []
        else:
            filled += kept.get(word[1:-1], []) if word.startswith("{") else [word]
    return filled


def _status(plain: list[str]) -> str:
    """What a project makes of an image. Without it the line would give the image away."""
    said = plain.pop(0) if plain else ""
    if said not in _STATUSES:
        raise click.UsageError(f"The status is '{said}', and not one of {', '.join(_STATUSES)}.")
    return _STATUSES[said]


def _store(kept: Mapping[str, list[str]]) -> list[str]:
    """The store to take data out of. Without it the line would delete the image."""
    if not kept.get("store"):
        raise click.UsageError("stores-delete needs --store.")
    return ["--store", kept["store"][-1]]


def _sort(kept: Mapping[str, list[str]]) -> list[str]:
    keys, directions = kept.get("key", []), kept.get("direction", [])
    if not keys and not directions:
        return []
    keys = keys or ["created_at"]
    directions = directions * len(keys) if len(directions) == 1 else directions
    pairs = [f"{key}:{directions[i]}" if i < len(directions) else key for i, key in enumerate(keys)]
    return ["--sort", ",".join(pairs)]
