"""Makes reference pages, manual pages and configuration samples from the tables of the code: `python -m docs.make`.

`--check` writes nothing and tells which of them are not what the tables say. What is explained rather than listed is
written by hand, in the other folders.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from docs.pages import api, cli, configuration, errors, fields, filters, man, policy, stores

ROOT = Path(__file__).parents[1]

PAGES: dict[str, Callable[[], str]] = {
    "docs/reference/api.md": api.page,
    "docs/reference/configuration.md": configuration.page,
    "docs/reference/errors.md": errors.page,
    "docs/reference/fields.md": fields.page,
    "docs/reference/filters.md": filters.page,
    "docs/reference/policy.md": policy.page,
    "docs/reference/stores.md": stores.page,
    "etc/glancelite.conf.sample": configuration.sample,
    **cli.pages(),
    **man.pages(),
}
MADE = ("docs/reference/**/*.md", "docs/man/*")
"""Where nothing is kept but what is made."""


def main(arguments: list[str]) -> int:
    """Write what is stale, or with `--check` tell it; the exit code."""
    stale = [name for name, make in PAGES.items() if _read(ROOT / name) != make()]
    left = [str(path.relative_to(ROOT)) for pattern in MADE for path in sorted(ROOT.glob(pattern))]
    left = [name for name in left if name not in PAGES]
    if "--check" in arguments:
        print("".join(f"stale: {name}\n" for name in stale + left), end="")
        return 1 if stale or left else 0
    for name in stale:
        (ROOT / name).parent.mkdir(exist_ok=True)
        (ROOT / name).write_text(PAGES[name]())
        print(f"made {name}")
    for name in left:
        (ROOT / name).unlink()
        print(f"removed {name}: there is no such command or table any more")
    return 0


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
