"""Manual pages, in roff: one for each command, and one for the whole."""

import re
import textwrap
from collections.abc import Callable, Iterable

from docs.pages.commands import (
    ENVIRONMENT,
    EXIT_CODES,
    FILES,
    INTRO,
    NOTES,
    PROGRAM,
    Command,
    Option,
    find_related,
    is_sample,
    list_commands,
    list_global_options,
)
from glancelite import __version__

FOLDER = "docs/man"
CODING = '.\\" -*- coding: utf-8 -*-'
NOTE = '.\\" Made by `make docs` from glancelite/cli/. Change it there.'
WIDTH = 78

ESCAPES = {
    "\\": "\\(rs", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti", '"': "\\(dq",
    "…": "...",
}  # fmt: skip
"""What roff takes for something else, or would print as a sign that no shell, or no plain terminal, understands."""


def pages() -> dict[str, Callable[[], str]]:
    """Names of files and what makes each."""
    made = {f"{FOLDER}/{PROGRAM}-{command.slug}.1": _maker(command) for command in list_commands()}
    return {f"{FOLDER}/{PROGRAM}.1": index} | made


def _maker(command: Command) -> Callable[[], str]:
    return lambda: page(command)


def index() -> str:
    """glancelite(1)"""
    return _compose(
        PROGRAM,
        "an image service that speaks the OpenStack Image API, and its client",
        ("SYNOPSIS", [_bold(PROGRAM) + " " + literal("[OPTIONS] COMMAND [ARGS]...")]),
        ("DESCRIPTION", _paragraphs(INTRO.strip().split("\n\n"))),
        ("COMMANDS", [_item(_bold(each.path), each.summary) for each in list_commands()]),
        ("GLOBAL OPTIONS", [_option(option) for option in list_global_options()]),
        ("NOTES", _paragraphs(NOTES.strip().split("\n\n"))),
        ("EXIT STATUS", [_item(_bold(number), f"{meaning}.") for number, meaning in EXIT_CODES]),
        ("ENVIRONMENT", [_item(_bold(name), meaning) for name, meaning in ENVIRONMENT]),
        ("FILES", [_item("\\fI" + literal(name) + "\\fR", meaning) for name, meaning in FILES]),
        ("SEE ALSO", [_references(each.slug for each in list_commands())]),
    )


def page(command: Command) -> str:
    """The manual page of a command."""
    path, _, rest = command.usage.partition(f"{PROGRAM} {command.path}")
    usage = _bold(f"{path}{PROGRAM} {command.path}") + literal(rest)
    sections = [("SYNOPSIS", [usage]), ("DESCRIPTION", _paragraphs(command.text))]
    options = [_option(option) for option in command.options]
    if command.is_client:
        options.append(".PP\n" * bool(options) + prose(f"The global options of `{PROGRAM}` may stand here, too."))
    if options:
        sections.append(("OPTIONS", options))
    if command.examples:
        sections.append(("EXAMPLES", [_sample("\n".join(command.examples))]))
    sections.append(("EXIT STATUS", ["0 done, 1 failed, 2 wrong usage; all codes are listed in", _reference("")]))
    sections.append(("SEE ALSO", [_references(["", *(each.slug for each in find_related(command))])]))
    return _compose(f"{PROGRAM}-{command.slug}", _first_sentence(command.summary), *sections)


def _compose(name: str, summary: str, *sections: tuple[str, list[str]]) -> str:
    # Without a date: the same commands make the same pages on any day.
    head = f'.TH {literal(name.upper())} 1 "" "{PROGRAM} {__version__}"'
    lines = [CODING, NOTE, head, ".nh", ".SH NAME", prose(f"{name} - {summary}")]
    for title, parts in sections:
        lines += [f".SH {title}", *parts]
    return "\n".join(lines) + "\n"


def _first_sentence(text: str) -> str:
    first = re.split(r"(?<=[.:;])\s", text, maxsplit=1)[0].rstrip(".:;")
    return first[0].lower() + first[1:]


def _paragraphs(paragraphs: Iterable[str]) -> list[str]:
    made = [_sample(text.removeprefix("\b\n")) if is_sample(text) else prose(text) for text in paragraphs]
    return [f".PP\n{text}" if place else text for place, text in enumerate(made)]


def _sample(text: str) -> str:
    return "\n".join([".RS 4", ".nf", *(_line_start(literal(line)) for line in text.splitlines()), ".fi", ".RE"])


def _option(option: Option) -> str:
    spelled = ", ".join(map(_bold, option.names)) + (f" \\fI{literal(option.value)}\\fR" if option.value else "")
    variables = f" Environment: {', '.join(option.variables)}." if option.variables else ""
    return _item(spelled, option.meaning + variables)


def _item(term: str, meaning: str) -> str:
    return f".TP\n{term}\n{prose(meaning) or '-'}"


def _bold(text: str) -> str:
    return f"\\fB{literal(text)}\\fR"


def _references(slugs: Iterable[str]) -> str:
    return " ,\n".join(map(_reference, slugs))


def _reference(slug: str) -> str:
    name = f"{PROGRAM}-{slug}" if slug else PROGRAM
    return f".BR {literal(name)} (1)"


def prose(text: str) -> str:
    """Running text; what stands in backticks is bold."""
    parts = re.split(r"`([^`]*)`", " ".join(text.split()))
    marked = "".join(_bold(part) if place % 2 else literal(part) for place, part in enumerate(parts))
    lines = textwrap.wrap(marked, WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n".join(map(_line_start, lines))


def literal(text: str) -> str:
    """Text that means nothing to roff."""
    return "".join(ESCAPES.get(sign, sign) for sign in text)


def _line_start(text: str) -> str:
    """A line that begins with a dot would be a request (a quote is escaped everywhere)."""
    return f"\\&{text}" if text.startswith(".") else text
