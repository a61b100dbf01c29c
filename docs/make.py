"""Makes the reference pages and the configuration samples from the tables of the code: `python -m docs.make`.

`--check` writes nothing and tells which of them are not what the tables say. What is explained rather than listed is
written by hand, in the other folders.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from docs.pages import api, cli, configuration, errors, fields, filters, policy, stores

ROOT = Path(__file__).parents[1]

PAGES: dict[str, Callable[[], str]] = {
    "docs/reference/api.md": api.page,
    "docs/reference/cli.md": cli.page,
    "docs/reference/configuration.md": configuration.page,
    "docs/reference/errors.md": errors.page,
    "docs/reference/fields.md": fields.page,
    "docs/reference/filters.md": filters.page,
    "docs/reference/policy.md": policy.page,
    "docs/reference/stores.md": stores.page,
    "etc/glancelite.conf.sample": configuration.sample,
}


def main(arguments: list[str]) -> int:
    """Write what is stale, or with `--check` tell it; the exit code."""
    stale = [name for name, make in PAGES.items() if _read(ROOT / name) != make()]
    for name in stale:
        print(f"stale: {name}" if "--check" in arguments else f"made {name}")
        if "--check" not in arguments:
            (ROOT / name).write_text(PAGES[name]())
    return 1 if stale and "--check" in arguments else 0


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
