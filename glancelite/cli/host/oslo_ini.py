"""Reads ini files as OpenStack services write them: options that may be there several times, values that go on in the
next line, quotes, and `$other` for the value of another option. Source: oslo.config's documentation of its format."""

import re
from pathlib import Path

import click

Key = tuple[str, str]

_OPTION = re.compile(r"([^=:\s][^=:]*?)\s*[=:]\s*(.*)")
_REFERENCE = re.compile(r"\\?\$(\$|\{([\w.-]+)\}|(\w+))", re.ASCII)


class Unresolved(Exception):
    """A value refers to an option that has none."""


def read_files(files: tuple[Path, ...]) -> dict[Key, list[str]]:
    """All values of each option, in their order; a later file's take the place of an earlier one's."""
    found: dict[Key, list[str]] = {}
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
        except OSError as error:
            raise click.ClickException(f"{file} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise click.ClickException(f"{file} is not text in UTF-8.") from error
        found |= parse(text, str(file))
    return found


def parse(text: str, source: str) -> dict[Key, list[str]]:
    """The options of one file. In names `-` is `_`; what stands before the first section is in DEFAULT."""
    found: dict[Key, list[str]] = {}
    section, last = "DEFAULT", None
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if not bare or bare[0] in "#;":
            last = None if not bare else last
        elif line[0].isspace() and last is not None:
            found[last][-1] += "\n" + bare
        elif bare[0] == "[" and bare[-1] == "]":
            section, last = _section(bare[1:-1].strip()), None
        elif option := _OPTION.fullmatch(bare):
            last = (section, option[1].replace("-", "_"))
            found.setdefault(last, []).append(option[2])
        else:
            raise click.ClickException(f"{source}, line {number} is neither a section nor an option: {bare:.40}")
    return {key: [_unquoted(value) for value in values] for key, values in found.items()}


def _section(name: str) -> str:
    return "DEFAULT" if name.upper() == "DEFAULT" else name


def _unquoted(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if is_quoted else value


def resolve(value: str, section: str, given: dict[Key, list[str]], depth: int = 0) -> str:
    """The value with what it refers to put in: options of its own section, else of DEFAULT. `$$` and `\\$` are a `$`.

    Raises Unresolved.
    """

    def put_in(match: re.Match[str]) -> str:
        if match[0][0] == "\\":
            return match[0][1:]
        if match[1] == "$":
            return "$"
        group, dot, name = (match[2] or match[3]).rpartition(".")
        places = [(group, name)] if dot else [(section, name), ("DEFAULT", name)]
        key = next((place for place in places if place in given), None)
        if key is None or depth > len(given):
            raise Unresolved
        return resolve(given[key][-1], key[0], given, depth + 1)

    return _REFERENCE.sub(put_in, value)
