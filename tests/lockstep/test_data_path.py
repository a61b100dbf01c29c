"""Image data is never read whole: the files that it passes through do not do what would."""

import re
from pathlib import Path

import pytest

import glancelite

PACKAGE = Path(glancelite.__file__).parent
DATA_PATH = (
    "api/v2/image_data.py",
    "usecases/data.py",
    "usecases/intake.py",
    "formats/__init__.py",
    *(f"stores/{path.name}" for path in sorted((PACKAGE / "stores").glob("*.py"))),
)
WHOLE = re.compile(r"\.data\b(?!\()|\.get_data\(|\.read\(\s*\)|\.read\(-1\)|\.readlines?\(|\.readall\(|\.read_bytes\(")


@pytest.mark.parametrize("name", DATA_PATH)
def test_nothing_on_the_path_of_image_data_reads_it_whole(name: str) -> None:
    lines = (PACKAGE / name).read_text().splitlines()
    assert [f"{name}:{number}: {line}" for number, line in enumerate(lines, 1) if WHOLE.search(line)] == []


@pytest.mark.parametrize(
    "line", ["request.data", "request.get_data()", "stream.read()", "stream.read(-1)", "f.readall()"]
)
def test_what_reads_whole_is_recognised(line: str) -> None:
    assert WHOLE.search(line)


@pytest.mark.parametrize(
    "line", ["stream.read(BLOCK)", "from ...usecases import data", "data.upload_image(x)", "row.data_dir"]
)
def test_what_does_not_is_not(line: str) -> None:
    assert not WHOLE.search(line)
