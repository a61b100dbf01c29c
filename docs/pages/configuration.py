"""The options of the service, from their table: a page, and the sample of a configuration file."""

from docs.pages.markdown import code, compose, table
from glancelite.cli.host.sample import default, make_sample, sections
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
    return compose(
        "Configuration", "glancelite/config.py", INTRO, *map(_section, sections((*OPTIONS, *more_options())).items())
    )


def _section(section: tuple[str, list[Option]]) -> str:
    name, options = section
    head = ("Option", "Type", "Default", "Environment", "What it does")
    rows = [(code(o.name), o.type, code(default(o)), code(o.variable), _help(o)) for o in options]
    return f"## [{name}]\n\n" + table(head, rows)


def _help(option: Option) -> str:
    least = f" At least {option.minimum}." if option.minimum else ""
    return option.help + least + (" Secret." if option.secret else "")


def sample() -> str:
    """etc/glancelite.conf.sample"""
    head = (
        "A sample of /etc/glancelite/glancelite.conf, made by `make docs` from glancelite/config.py.",
        "Every option is shown with its default. Without this file, all of them are in force.",
    )
    return make_sample((*OPTIONS, *more_options()), head)
