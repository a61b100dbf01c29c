"""Pages and manual pages of commands: each command has both, and what reads them has nothing to say against them."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from harness import environment

from glancelite.cli import cli
from glancelite.cli.examples import EXAMPLES

ROOT = Path(__file__).parents[2]
MANUAL = sorted((ROOT / "docs/man").glob("*.1"))
GLANCELITE = re.compile(r"(?:^|\||\(|&&|;) *glancelite ([^|;)&]*)")
NO_DATE = "missing date"
"""What mandoc misses on purpose: a page does not change from day to day."""


def ask(*words: object, text: str = "", cwd: Path = ROOT) -> str:
    settings = {"LC_ALL": "C.UTF-8", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        list(map(str, words)), input=text, env=environment(settings), capture_output=True, text=True,
        timeout=60, check=False, cwd=cwd,
    )  # fmt: skip
    return done.stdout + done.stderr


def find(words: list[str]) -> tuple[click.Context, list[str]]:
    """The command that these words begin with, and the words that are left."""
    place = click.Context(cli, info_name="glancelite")
    while isinstance(place.command, click.Group):
        name, command, words = place.command.resolve_command(place, words)
        assert command is not None
        place = click.Context(command, info_name=name, parent=place)
    return place, words


def test_every_command_has_a_page_that_is_linked_and_a_manual_page() -> None:
    index = (ROOT / "docs/reference/cli/index.md").read_text()
    words = [line.split("[")[1].partition("]")[0].split() for line in index.splitlines() if line.startswith("| [")]
    slugs = {"-".join(find(each)[0].command_path.split()) for each in words}

    assert {"glancelite-image-create", "glancelite-server-run", "glancelite-image-import-info"} <= slugs
    assert {page.stem for page in MANUAL} == slugs | {"glancelite"}
    pages = {page.stem for page in (ROOT / "docs/reference/cli").glob("*.md")}
    assert pages == {slug.removeprefix("glancelite-") for slug in slugs} | {"index"}


def test_what_is_left_of_a_command_that_is_gone_is_told_and_taken_away(tmp_path: Path) -> None:
    for name in ("docs", "etc"):
        shutil.copytree(ROOT / name, tmp_path / name)
    left = tmp_path / "docs/man/glancelite-of-yesterday.1"
    left.write_text("")

    def make(*words: str) -> str:
        return ask(sys.executable, "-m", "docs.make", *words, cwd=tmp_path)

    assert make("--check") == "stale: docs/man/glancelite-of-yesterday.1\n"
    assert "removed docs/man/glancelite-of-yesterday.1" in make()
    assert not left.exists()
    assert make("--check") == ""


@pytest.mark.needs("mandoc")
def test_mandoc_finds_nothing_to_say_of_the_manual_pages() -> None:
    said = ask("mandoc", "-Tlint", *MANUAL).splitlines()

    assert MANUAL
    assert [line for line in said if NO_DATE not in line] == []


@pytest.mark.needs("groff")
def test_groff_warns_of_nothing_in_the_manual_pages() -> None:
    assert [ask("groff", "-ww", "-man", "-Tutf8", "-k", "-z", page) for page in MANUAL] == [""] * len(MANUAL)


MINUS = ".char \\- \\N'45'"
"""What all macros for manual pages say of a minus. Debian's print hyphens and quotes as written, too: others do not."""
READERS = {
    "groff with Debian's macros": ("groff", "-k", "-man", "-Tutf8", "-P-c"),
    "groff": ("groff", "-k", "-Tutf8", "-P-c"),
    "mandoc": ("mandoc", "-man", "-Tutf8"),
}


@pytest.mark.needs("groff", "mandoc")
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS.keys())
def test_a_reader_of_manual_pages_shows_every_sign_as_it_was_written(reader: tuple[str, ...]) -> None:
    from docs.pages.man import CODING, literal, prose

    signs = "".join(map(chr, range(33, 127))) + "äß→"
    lines = ["'quote", ".dot", "--option='a b'", "\\n(.g \\fB"]
    texts = [f"x{literal(signs)}x", *map(prose, lines)]
    page = "\n.br\n".join([CODING, MINUS, '.TH T 1 ""', ".nh", ".SH S", *texts]) + "\n"

    shown = re.sub(r".\x08", "", ask(*reader, text=page)).splitlines()

    assert [line for line in [f"x{signs}x", *lines] if line not in map(str.strip, shown)] == []


def test_an_example_is_of_a_command_there_is_with_options_it_has() -> None:
    for path, text in EXAMPLES.items():
        found = []
        for line in GLANCELITE.findall(text.replace("\n", ";")):
            context, rest = find(shlex.split(line))
            context.command.make_parser(context).parse_args(rest)
            found.append(context.command_path)
        assert f"glancelite {path}" in found, text


def test_pages_of_a_command_tell_what_its_help_tells() -> None:
    context, _ = find(["image", "save"])
    texts = [
        (ROOT / "docs/reference/cli/image-save.md").read_text(),
        (ROOT / "docs/man/glancelite-image-save.1").read_text(),
    ]
    for param in context.command.params:
        if isinstance(param, click.Option) and not param.hidden:
            for text in texts:
                assert param.opts[-1] in text.replace("\\-", "-")
    for text in texts:
        assert "glancelite image save cirros" in text.replace("\\-", "-")


@pytest.mark.parametrize("words", ["image save --help", "help image save"])
def test_help_ends_with_the_examples_however_often_it_is_asked(words: str) -> None:
    for _ in range(2):
        shown = CliRunner().invoke(cli, words.split(), prog_name="glancelite").output

    examples = "".join(f"    {line}\n" for line in EXAMPLES["image save"].strip().splitlines())
    assert shown.endswith(f"\n  Examples:\n{examples}\n  Global options (glancelite --help) may stand here too.\n")
    assert shown.count("Examples:") == 1
    assert CliRunner().invoke(cli, ["fsck", "--help"]).output.count("    glancelite fsck --hash --data-dir") == 1
