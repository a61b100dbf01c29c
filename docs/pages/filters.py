"""The filters of the pipelines, from their docstrings and knobs."""

import importlib
import pkgutil

from docs.pages.configuration import default
from docs.pages.markdown import code, compose, manual, table
from glancelite import middleware
from glancelite.middleware.base import Filter

INTRO = """
A pipeline is a line of filters in front of the application, in `api-paste.ini` and `registry-paste.ini`;
every filter is a section there, with its knobs. The service refuses to start with a pipeline that does not
begin with `catch_errors`, or has no auth filter (`none_auth`, `file_auth`, `trusted_auth`, or
`keystone_auth`) with `identity` behind it.
"""


def page() -> str:
    """docs/reference/filters.md"""
    return compose("Filters", "glancelite/middleware/*.py", INTRO, *map(_section, find_filters()))


def find_filters() -> list[type[Filter]]:
    """Every filter that there is, by name."""
    for module in pkgutil.iter_modules(middleware.__path__):
        importlib.import_module(f"{middleware.__name__}.{module.name}")
    return sorted(Filter.__subclasses__(), key=lambda found: found.name)


def _section(found: type[Filter]) -> str:
    text = f"## {found.name}\n\n{manual(found)}"
    if not found.OPTIONS:
        return text
    rows = [(code(knob.name), knob.type, code(default(knob)), knob.help) for knob in found.OPTIONS]
    return f"{text}\n\n" + table(("Knob", "Type", "Default", "What it does"), rows)
