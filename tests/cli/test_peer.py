"""The unmodified `openstack` client against our service, and our command beside it: same images, same JSON."""

import json
import os
import subprocess
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

PINNED = "python-openstackclient==10.5.0"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def openstack_path() -> Path:
    """The peer's command: of the environment that GLANCELITE_PEER_VENV names, or of one made here once."""
    given = os.environ.get("GLANCELITE_PEER_VENV")
    folder = Path(given) if given else ROOT / ".cache/peer"
    command = folder / "bin/openstack"
    if not given and not (folder / "complete").exists():
        venv.create(folder, clear=True, with_pip=True)
        pip = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PINNED]
        subprocess.run(pip, check=True)
        (folder / "complete").touch()
    assert command.exists(), f"{folder} has no openstack client"
    return command


@pytest.fixture
def openstack(openstack_path, glancelite, environ, tmp_path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    def run(*args, stdin=subprocess.DEVNULL):
        return subprocess.run(
            [openstack_path, *map(str, args)], env=environ, cwd=tmp_path, stdin=stdin, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def image(glancelite, name, disk):
    """An image with something in every field."""
    words = ["--public", "--tag", name, "--tag", "another", "--min-disk", "2", "--os-distro", "debian"]
    for pair in ("zeta=1", 'quote=it\'s "q"', "uni=grün", "hw_boot_menu=true", "hw_cpu_cores=4", "os_type=linux"):
        words += ["--property", pair]
    return glancelite("image", "create", name, "--file", disk, *words, "-f", "value", "-c", "id").out.strip()


def test_openstack_does_the_whole_job(openstack, name, disk, tmp_path):
    made = openstack(
        "image", "create", name, "--file", disk, "--disk-format", "raw", "--public", "-f", "value", "-c", "id"
    )
    assert made.returncode == 0, made.stderr
    assert name in openstack("image", "list", "-f", "value", "-c", "Name").stdout.splitlines()
    assert openstack("image", "set", name, "--property", "a=b", "--tag", "t", "--min-ram", "64").returncode == 0
    assert openstack("image", "unset", name, "--property", "a").returncode == 0
    shown = openstack("image", "show", name, "-f", "value", "-c", "status", "-c", "min_ram", "-c", "tags")
    assert shown.stdout == "64\nactive\n['t']\n"
    assert openstack("image", "save", name, "--file", "copy.img").returncode == 0
    assert (tmp_path / "copy.img").read_bytes() == disk.read_bytes()
    assert openstack("image", "delete", name).returncode == 0
    assert openstack("image", "show", name).returncode == 1


@pytest.mark.parametrize("form", [["json"], ["yaml"], ["table"]])
def test_show_prints_the_same(openstack, glancelite, image, form):
    words = ("image", "show", image, "-f", *form)

    assert glancelite(*words).out == openstack(*words).stdout


def test_show_of_an_image_without_data_prints_the_same(openstack, glancelite, name):
    glancelite("image", "create", name)
    words = ("image", "show", name, "-f", "json")

    assert glancelite(*words).out == openstack(*words).stdout


def test_show_of_the_peers_own_image_prints_the_same(openstack, glancelite, name, disk):
    assert openstack("image", "create", name, "--file", disk, "--property", "x=1").returncode == 0
    words = ("image", "show", name, "-f", "json")

    assert glancelite(*words).out == openstack(*words).stdout


@pytest.mark.parametrize("words", [["-f", "json"], ["--long", "-f", "json"], ["--long"]])
def test_list_prints_the_same(openstack, glancelite, image, name, words):
    glancelite("image", "create", f"a-{name}", "--tag", name)
    words = ("image", "list", "--tag", name, *words)

    ours = glancelite(*words).out
    assert ours == openstack(*words).stdout
    assert image in ours


def test_create_prints_the_same_but_for_what_differs_by_nature(openstack, glancelite, name, disk):
    words = ("image", "create", name, "--file", disk, "--tag", "b", "--property", "p=1", "--private", "-f", "json")

    ours, theirs = glancelite(*words).json, json.loads(openstack(*words).stdout)

    for record in (ours, theirs):
        for own in ("id", "file", "created_at", "updated_at"):
            record.pop(own)
        for own in ("md5", "sha256", "object"):
            record["properties"].pop(f"owner_specified.openstack.{own}", None)
    assert ours == theirs


@pytest.mark.parametrize(
    "words",
    [
        ["show", "no-such-image"],
        ["delete", "no-such-image"],
        ["create", "x", "--property", "nothing"],
        ["create", "x", "--file", "/no/such/file"],
        ["list", "--public", "--private"],
        ["list", "-c", "colour"],
    ],
)
def test_what_fails_there_fails_here_with_the_same_code(openstack, glancelite, words):
    ours, theirs = glancelite("image", *words), openstack("image", *words)

    assert ours.code == theirs.returncode
    assert (ours.out, theirs.stdout) == ("", "")


def test_the_peer_sees_what_we_change(openstack, glancelite, image):
    assert glancelite("image", "set", image, "--property", "new=1", "--name", "renamed", "--private").code == 0
    assert glancelite("image", "unset", image, "--property", "zeta", "--tag", "another").code == 0

    words = ("image", "show", image, "-f", "json")
    assert glancelite(*words).out == openstack(*words).stdout
