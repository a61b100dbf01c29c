"""Every command that a page shows in a `console` block does what the page says (`console.py` says how).

The tutorial with Keystone is run in `keystone/test_tutorial.py`.
"""

from pathlib import Path

import console
import pytest
from console import ROOT

PAGES = [
    page
    for page in sorted([ROOT / "README.md", *ROOT.glob("docs/howto/*.md"), *ROOT.glob("docs/tutorials/*.md")])
    if "```console\n" in page.read_text() and f"127.0.0.1:{console.KEYSTONE}" not in page.read_text()
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_do_what_it_says(page: Path, tmp_path: Path) -> None:
    console.check(page, tmp_path)
