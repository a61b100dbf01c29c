"""The options of the service, from their table: a page, and the sample of a configuration file."""

import textwrap
from itertools import groupby

from docs.pages.markdown import code, compose, table
from glancelite.config import OPTIONS, Option
from glancelite.deploy import more_options

INTRO = """
An option's value is, from weak to strong: its default; what `glancelite.conf` says (`--config FILE`, else
`$GLANCELITE_CONFIG`, else `/etc/glancelite/glancelite.conf` where it exists); the environment variable named
here; an option of the command line. A name that is not listed stops the start with the nearest one that is.
`glancelite config show` prints every value and where it comes from, `glancelite config check` says what is
wrong.

Types: `bool` is true or false (yes, on, 1; no, off, 0); `list` is separated by commas; `bytes` is a number
with a unit B, KB, MB, GB or TB (powers of 1024) if you like. The pipeline and the knobs of its filters are in
`api-paste.ini` (see [filters](filters.md)). With `[DEFAULT] enabled_backends`, each store has a section of its own
name with the options of its driver (see [stores](stores.md)).
"""


def page() -> str:
    """docs/reference/configuration.md"""
    return compose("Configuration", "glancelite/config.py", INTRO, *map(_section, _sections()))


def _sections() -> list[tuple[str, list[Option]]]:
    everything = (*OPTIONS, *more_options())
    order = list(dict.fromkeys(option.section for option in everything))
    everything = tuple(sorted(everything, key=lambda option: order.index(option.section)))
    return [(name, list(options)) for name, options in groupby(everything, key=lambda option: option.section)]


def _section(section: tuple[str, list[Option]]) -> str:
    name, options = section
    head = ("Option", "Type", "Default", "Environment", "What it does")
    rows = [(code(o.name), o.type, code(default(o)), code(o.variable), _help(o)) for o in options]
    return f"## [{name}]\n\n" + table(head, rows)


def _help(option: Option) -> str:
    least = f" At least {option.minimum}." if option.minimum else ""
    return option.help + least + (" Secret." if option.secret else "")


def default(option: Option) -> str:
    """An option's default as one writes it."""
    value = option.default
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def sample() -> str:
    """etc/glancelite.conf.sample"""
    lines = [
        "# A sample of /etc/glancelite/glancelite.conf, made by `make docs` from glancelite/config.py.",
        "# Every option is shown with its default. Without this file, all of them are in force.",
    ]
    for name, options in _sections():
        lines += ["", f"[{name}]"]
        for option in options:
            lines += ["", *textwrap.wrap(option.help, 100, initial_indent="# ", subsequent_indent="# ")]
            lines.append(f"# {option.name} = {default(option)}".rstrip())
    return "\n".join(lines) + "\n"
