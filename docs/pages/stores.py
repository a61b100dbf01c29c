"""The store drivers, from the docstrings of their modules."""

import importlib

from docs.pages.markdown import compose, manual
from glancelite import stores

INTRO = "`[glance_store] default_store` chooses the driver of the store that images go to."


def page() -> str:
    """docs/reference/stores.md"""
    return compose("Stores", "glancelite/stores/*.py", INTRO, *map(_section, stores.DRIVERS))


def _section(driver: str) -> str:
    return f"## {driver}\n\n" + manual(importlib.import_module(f"{stores.__name__}.{driver}"))
