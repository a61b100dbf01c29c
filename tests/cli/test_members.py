"""Sharing an image with projects, and what a project makes of it; who may have its data; copies in several stores."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.conftest import Run
from harness import make_service, running


@pytest.fixture
def image(glancelite: Run, name: str, disk: Path) -> str:
    """The ID of a shared image."""
    return glancelite("image", "create", name, "--shared", "--file", disk, "-f", "value", "-c", "id").out.strip()


def test_an_image_is_shared_and_the_project_decides(glancelite: Run, image: str, name: str) -> None:
    made = glancelite("image", "add", "project", name, "lab", "-f", "json")
    assert made.code == 0, made.err
    assert {"image_id": image, "member_id": "lab", "status": "pending"}.items() <= made.json.items()
    assert glancelite("image", "member", "get", name, "lab", "-f", "json").json == made.json
    for option, status in (("--accept", "accepted"), ("--reject", "rejected"), ("--pending", "pending")):
        done = glancelite("image", "set", image, option, "--project", "lab")
        assert (done.code, done.out) == (0, ""), done.err
        listed = glancelite("image", "member", "list", name, "-f", "json").json
        assert listed == [{"Image ID": image, "Member ID": "lab", "Status": status}]
    assert glancelite("image", "show", image, "-f", "json").json["owner"] != "lab"
    removed = glancelite("image", "remove", "project", name, "lab", "--project-domain", "default")
    assert (removed.code, removed.out) == (0, "")
    assert glancelite("image", "member", "list", name, "-f", "json").json == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("image", "add", "project", "{name}-not", "lab"), "no image has this name or ID"),
        (("image", "remove", "project", "{name}", "lab"), "Cannot take image '{name}' from project 'lab'"),
        (("image", "member", "get", "{name}", "lab"), "Cannot show member 'lab' of image '{name}'"),
        (("image", "set", "{name}", "--accept", "--project", "lab"), "Cannot change image '{name}'"),
        (("image", "delete", "{name}", "--store", "attic"), "Cannot delete image '{name}'"),
    ],
)
def test_what_is_not_there_is_said(glancelite: Run, image: str, name: str, words: tuple[str, ...], said: str) -> None:
    done = glancelite(*(word.format(name=name) for word in words))
    assert done.code == 1
    assert said.format(name=name) in done.err
    assert "no image" in done.err or "(HTTP 40" in done.err


def test_a_choice_is_of_the_own_project_unless_another_is_named(glancelite: Run, image: str, name: str) -> None:
    done = glancelite("image", "set", name, "--accept")
    assert (done.code, "name it with --project" in done.err) == (2, True), done.err
    glancelite("image", "add", "project", name, "lab")
    assert glancelite("image", "set", name, "--accept", OS_PROJECT_ID="lab").code == 0
    assert glancelite("image", "member", "list", name, "-f", "value", "-c", "Status").out == "accepted\n"
    both = glancelite("image", "set", name, "--accept", "--reject", "--project", "lab")
    assert (both.code, "exclude each other" in both.err) == (2, True)


def test_data_is_withheld_and_given_again(glancelite: Run, image: str, name: str) -> None:
    def status() -> str:
        return glancelite("image", "show", image, "-f", "value", "-c", "status").out.strip()

    assert glancelite("image", "set", name, "--deactivate", "--property", "why=leak").code == 0
    assert status() == "deactivated"
    assert glancelite("image", "show", image, "-f", "json").json["properties"]["why"] == "leak"
    assert glancelite("image", "set", name, "--activate").code == 0
    assert status() == "active"


@pytest.fixture(scope="module")
def two_stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    stores = {"ENABLED_BACKENDS": "fast:file,slow:file", "GLANCE_STORE_DEFAULT_BACKEND": "fast"}
    with running(
        make_service(tmp_path_factory.mktemp("stores") / "data", "together", auth="none", **stores)
    ) as service:
        yield service.url


def test_a_copy_is_taken_out_of_one_store(glancelite: Run, two_stores: str, name: str, disk: Path) -> None:
    words = ("--file", disk, "--import", "--all-stores", "--wait", "--os-endpoint", two_stores)
    assert glancelite("image", "create", name, *words).code == 0
    done = glancelite("image", "delete", name, "--store", "slow", "--os-endpoint", two_stores)
    assert (done.code, done.out) == (0, ""), done.err
    left = glancelite("image", "show", name, "-f", "json", "--os-endpoint", two_stores).json
    assert left["properties"]["stores"] == "fast"
