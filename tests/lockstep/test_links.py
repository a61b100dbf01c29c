"""Pages lead where they say, each can be reached from the README, and commands they name are commands there are."""

import re
import shlex
from pathlib import Path

import click
import pytest

from glancelite.cli import cli

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGES.md", *ROOT.glob("docs/**/*.md")])
HAND_WRITTEN = [page for page in PAGES if "reference" not in page.parts]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.S | re.M)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.M)
NAMED = re.compile(r"`(glancelite [a-z][^`]*)`")
TYPED = re.compile(r"(?:^|[|;&(] ?|\w=\S* )(glancelite [a-z][^|;&)<>\n]*)", re.M)


def read_prose(page: Path) -> str:
    return BLOCK.sub("", page.read_text())


def find_links(page: Path) -> list[tuple[Path, str]]:
    """Where a page leads to within these files: the file, and the place in it."""
    links = [link.partition("#") for link in LINK.findall(read_prose(page)) if not re.match(r"\w+:", link)]
    return [((page.parent / name).resolve() if name else page, place) for name, _, place in links]


def find_places(page: Path) -> set[str]:
    """What a link may name of a page: its headings, as GitHub spells them."""
    texts = [
        re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text).replace("`", "") for text in HEADING.findall(read_prose(page))
    ]
    return {re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-") for text in texts}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_leads_to_files_and_headings_that_there_are(page: Path) -> None:
    links = find_links(page)

    assert [str(file) for file, _ in links if not file.exists()] == []
    assert [(str(file), place) for file, place in links if place and place not in find_places(file)] == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, new = set(), {ROOT / "README.md"}
    while new:
        reached |= new
        new = {file for page in new if page.suffix == ".md" for file, _ in find_links(page)} - reached

    in_folders = {page for folder in reached if folder.is_dir() for page in folder.glob("*.md")}
    assert [str(page) for page in PAGES if page not in reached | in_folders] == []


def find_commands(text: str) -> list[str]:
    """Those in blocks that are not run, and those in running text; `image create|list` is two."""
    blocks = "\n".join(body for kind, body in BLOCK.findall(text) if kind == "sh").replace("\\\n", " ")
    named = [*TYPED.findall(blocks), *NAMED.findall(BLOCK.sub("", text))]
    return [spelled for line in named for spelled in expand(line)]


def expand(line: str) -> list[str]:
    choice = re.fullmatch(r"(glancelite(?: \w+)*) ([\w ]+(?:\|[\w ]+)+)", line)
    return [f"{choice[1]} {words}" for words in choice[2].split("|")] if choice else [line]


@pytest.mark.parametrize("page", HAND_WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_command_that_a_page_names_is_one_with_options_that_it_has(page: Path) -> None:
    for line in find_commands(page.read_text()):
        check(line)


def check(line: str) -> None:
    context = click.Context(cli, info_name="glancelite")
    words = shlex.split(line.replace("…", ""))[1:]
    while words and isinstance(context.command, click.Group):
        name, command, words = context.command.resolve_command(context, words)
        assert command is not None, line
        context = click.Context(command, info_name=name, parent=context)
    if not isinstance(context.command, click.Group):
        context.command.make_parser(context).parse_args(words)
