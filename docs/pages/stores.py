"""The store drivers, from the docstrings of their modules."""

import importlib

from docs.pages.configuration import default
from docs.pages.markdown import code, compose, manual, table
from glancelite import stores

INTRO = """
`[glance_store] default_store` chooses the driver of the only store. Several stores are enabled by
`[DEFAULT] enabled_backends = ID:DRIVER, …` with `[glance_store] default_backend = ID`; then each ID is a section with
the options below, and requests choose a store by its id.
"""


def page() -> str:
    """docs/reference/stores.md"""
    return compose("Stores", "glancelite/stores/*.py", INTRO, *map(_section, (*stores.DRIVERS, *stores.FOREIGN)))


def _section(driver: str) -> str:
    options = (*stores.COMMON_OPTIONS, *(stores.DRIVERS.get(driver) or stores.FOREIGN[driver])[1])
    rows = [(code(option.name), option.type, code(default(option)), option.help) for option in options]
    text = manual(importlib.import_module(f"{stores.__name__}.{driver}"))
    return f"## {driver}\n\n{text}\n\n" + table(("Option", "Type", "Default", "What it does"), rows)
