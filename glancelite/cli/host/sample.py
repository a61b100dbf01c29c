"""A configuration file with every option in it, as a comment with its default."""

import textwrap
from collections.abc import Iterable

from glancelite.config import Option


def sections(options: Iterable[Option]) -> dict[str, list[Option]]:
    """Options by section, in the order in which sections come first."""
    found: dict[str, list[Option]] = {}
    for option in options:
        found.setdefault(option.section, []).append(option)
    return found


def default(option: Option) -> str:
    """An option's default as one writes it."""
    return written(option.default)


def written(value: object) -> str:
    """A value as one writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def make_sample(options: Iterable[Option], head: Iterable[str]) -> str:
    """The file, below these lines."""
    lines = [f"# {line}" for line in head]
    for name, members in sections(options).items():
        lines += ["", f"[{name}]"]
        for option in members:
            lines += ["", *textwrap.wrap(option.help, 100, initial_indent="# ", subsequent_indent="# ")]
            lines.append(f"# {option.name} = {default(option)}".rstrip())
    return "\n".join(lines) + "\n"
