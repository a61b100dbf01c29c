"""What is listed in the documentation and the samples is what the code has."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from harness import environment

from glancelite import config
from glancelite.deploy import load_config, more_options

ROOT = Path(__file__).parents[2]
HAND_WRITTEN = sorted(
    path
    for path in [ROOT / "README.md", ROOT / "CHANGES.md", *(ROOT / "docs").rglob("*.md")]
    if "reference" not in path.parts
)
OPTIONS = (*config.OPTIONS, *more_options())
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
OPTION = re.compile(r"`\[(\w+)\] (\w+)`")
VARIABLE = re.compile(r"\bGLANCELITE_[A-Z_]*[A-Z]\b")
CLIENT_VARIABLES = {f"GLANCELITE_{name}" for name in ("TIMEOUT", "DEBUG", "PROGRESS", "CONFIG", "URL")}


def test_what_is_made_from_the_tables_is_what_make_docs_would_make() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "docs.make", "--check"],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_the_sample_of_the_configuration_is_understood_with_every_line_in_force(tmp_path: Path) -> None:
    sample = (ROOT / "etc/glancelite.conf.sample").read_text()
    file = tmp_path / "glancelite.conf"
    file.write_text(re.sub(r"^# (\w+ =)", r"\1", sample, flags=re.M))

    read = load_config(file, {"HOME": str(Path.home())})

    assert {key for key, source in read.sources.items() if source == str(file)} == {option.key for option in OPTIONS}
    defaults = config.load(environ={"HOME": str(Path.home())}, more_options=more_options)
    assert read.values == defaults.values


@pytest.mark.parametrize("page", HAND_WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_links_to_files_that_there_are_and_names_options_that_there_are(page: Path) -> None:
    text = page.read_text()
    known = {option.key for option in OPTIONS}
    variables = {option.variable for option in OPTIONS} | CLIENT_VARIABLES

    assert [link for link in LINK.findall(text) if not (page.parent / link).exists()] == []
    assert [found for found in OPTION.findall(text) if found not in known] == []
    assert [name for name in VARIABLE.findall(text) if name not in variables] == []
