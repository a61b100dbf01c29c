"""The command line: a page for each command, and one that lists them with what they have in common."""

from collections.abc import Callable

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
from docs.pages.markdown import code, compose, table

FOLDER = "docs/reference/cli"
SOURCE = "glancelite/cli/"


def pages() -> dict[str, Callable[[], str]]:
    """Names of files and what makes each."""
    made = {f"{FOLDER}/{command.slug}.md": _maker(command) for command in list_commands()}
    return {f"{FOLDER}/index.md": index} | made


def _maker(command: Command) -> Callable[[], str]:
    return lambda: page(command)


def index() -> str:
    """docs/reference/cli/index.md"""
    commands = [(f"[{each.path}]({each.slug}.md)", each.summary) for each in list_commands()]
    options = [
        (_spell(option), ", ".join(map(code, option.variables)), option.meaning) for option in list_global_options()
    ]
    return compose(
        "Command line",
        SOURCE,
        INTRO,
        "Each of these pages is a manual page, too: `man glancelite-image-create`.",
        "## Commands\n\n" + table(("Command", "What it does"), commands),
        "## Global options\n\n" + table(("Option", "Environment", "Meaning"), options),
        NOTES,
        "## Exit codes\n\n" + table(("Code", "Meaning"), EXIT_CODES),
        "## Environment\n\nBesides the variables of the global options:",
        table(("Variable", "Meaning"), [(code(name), meaning) for name, meaning in ENVIRONMENT]),
        "## Files\n\n" + table(("File", "What it is for"), [(code(name), meaning) for name, meaning in FILES]),
    )


def page(command: Command) -> str:
    """The page of a command."""
    parts = [*map(_paragraph, command.text), f"```\n{command.usage}\n```"]
    if command.options:
        parts.append("## Options")
        parts.append(table(("Option", "Meaning"), [(_spell(option), option.meaning) for option in command.options]))
    if command.is_client:
        parts.append("The [global options](index.md#global-options) may stand here, too.")
    if command.examples:
        parts.append("## Examples\n\n```sh\n" + "\n".join(command.examples) + "\n```")
    parts.append("## See also")
    related = "".join(f", [{each.path}]({each.slug}.md)" for each in find_related(command))
    parts.append(f"[All commands, exit codes, environment](index.md){related}")
    return compose(f"{PROGRAM} {command.path}", SOURCE, *parts)


def _paragraph(text: str) -> str:
    return "```\n" + text.removeprefix("\b\n") + "\n```" if is_sample(text) else text


def _spell(option: Option) -> str:
    names = list(option.names)
    return ", ".join(map(code, [*names[:-1], f"{names[-1]} {option.value}".strip()]))
