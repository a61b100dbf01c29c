"""`image convert`: the same disk in another format, as an image that has what the other had."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import Canned, Run
from cli.sending import ids, show
from harness import command

pytestmark = pytest.mark.needs("qemu-img")

MIB = 1 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A raw disk of 3 MiB with data, a hole and data."""
    file = tmp_path / "disk.raw"
    file.write_bytes(os.urandom(MIB) + bytes(MIB) + os.urandom(MIB))
    return file


@pytest.fixture
def make(glancelite: Run, name: str, disk: Path, tmp_path: Path) -> Callable[..., str]:
    """Make an image of the disk in a format; its id."""

    def run(kind: str, *words: str) -> str:
        file = tmp_path / f"disk.{kind}"
        if kind != "raw":
            subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", kind, disk, file], check=True)
        words = (*words, "--disk-format", kind, "-f", "value", "-c", "id")
        return glancelite("image", "create", name, "--file", file, *words).out.strip()

    return run


def is_the_same(glancelite: Run, image: str, kind: str, disk: Path, tmp_path: Path) -> bool:
    assert glancelite("image", "save", image, "--file", "saved").code == 0
    words = ["qemu-img", "compare", "-f", "raw", "-F", kind, disk, tmp_path / "saved"]
    return "identical" in subprocess.run(words, check=False, capture_output=True, text=True).stdout


@pytest.mark.parametrize(("kind", "to"), [("qcow2", "raw"), ("raw", "qcow2"), ("vmdk", "raw"), ("vhdx", "qcow2")])
def test_the_disk_is_the_same(
    glancelite: Run, name: str, make: Callable[..., str], disk: Path, tmp_path: Path, kind: str, to: str
) -> None:
    image = make(kind)

    done = glancelite("image", "convert", image, "--to", to, "-f", "json")

    assert done.code == 0, done.err
    assert (done.json["name"], done.json["disk_format"], done.json["status"]) == (f"{name}-{to}", to, "active")
    assert is_the_same(glancelite, done.json["id"], to, disk, tmp_path)
    assert ids(glancelite, name) == [image]


def test_the_new_image_has_what_the_other_had(glancelite: Run, name: str, make: Callable[..., str]) -> None:
    kept = ("--tag", "lts", "--property", "os_distro=debian", "--min-disk", "3", "--min-ram", "64", "--community")
    of_data = ("--property", "owner_specified.openstack.sha256=0", "--property", "img_signature_key_type=DSA")
    image = make("qcow2", *kept, *of_data)

    done = glancelite("image", "convert", image, "--to", "raw", "--name", f"{name} new", "-f", "json")

    old, new = show(glancelite, image), done.json
    for field in ("tags", "min_disk", "min_ram", "protected", "container_format"):
        assert new[field] == old[field], field
    assert new["visibility"] == "shared"  # whoever may use an image may not make one for everybody
    assert new["name"] == f"{name} new"
    assert {key: value for key, value in new["properties"].items() if not key.startswith("os_h")} == {
        "os_distro": "debian"
    } | {key: value for key, value in new["properties"].items() if key == "stores"}


def test_replace_leaves_the_new_one_alone(glancelite: Run, name: str, make: Callable[..., str]) -> None:
    image = make("qcow2", "--public", "--project", "theirs")

    done = glancelite("image", "convert", image, "--to", "raw", "--replace", "-f", "json")

    assert (done.code, done.json["name"]) == (0, name), done.err
    assert (done.json["owner"], done.json["visibility"]) == ("theirs", "public")
    assert ids(glancelite, name) == [done.json["id"]]
    assert done.json["id"] != image


def test_an_image_without_a_name_is_replaced_by_one_without(
    glancelite: Run, name: str, make: Callable[..., str]
) -> None:
    image = make("qcow2", "--tag", name)
    glancelite("image", "set", image, "--name", "")

    done = glancelite("image", "convert", image, "--to", "raw", "--replace", "-f", "json")

    assert (done.code, done.json.get("name")) == (0, None), done.err


def test_what_is_shared_is_not_taken_away(glancelite: Run, name: str, make: Callable[..., str]) -> None:
    image = make("qcow2")
    glancelite("image", "add", "project", image, "friends")
    assert "it is shared with other projects" in refused(glancelite, name, image, "--to", "raw", "--replace")
    assert glancelite("image", "convert", image, "--to", "raw").code == 0


def refused(glancelite: Run, name: str, *words: str, **env: Any) -> str:
    """What is said; nothing is made, and nothing left in the place it worked in."""
    before = sorted(ids(glancelite, name) + ids(glancelite, f"{name}-raw") + ids(glancelite, f"{name}-qcow2"))
    done = glancelite("image", "convert", *words, **env)
    after = sorted(ids(glancelite, name) + ids(glancelite, f"{name}-raw") + ids(glancelite, f"{name}-qcow2"))
    assert (done.code, done.out, before) == (1, "", after), done.err
    return done.err


def test_what_cannot_be_converted_says_why(
    glancelite: Run, name: str, make: Callable[..., str], queued: str, tmp_path: Path
) -> None:
    image = make("qcow2", "--protected")
    (tmp_path / "room").mkdir()
    room = ("--directory", str(tmp_path / "room"))

    assert "it is queued, and only active images" in refused(glancelite, name, queued, "--to", "raw", *room)
    assert "its disk format is qcow2 already" in refused(glancelite, name, image, "--to", "qcow2", *room)
    assert "it is protected" in refused(glancelite, name, image, "--to", "raw", "--replace", *room)
    iso = glancelite(
        "image", "create", name, "--disk-format", "ami", "--container-format", "ami", "-f", "value", "-c", "id",
        stdin=b"x",
    ).out.strip()  # fmt: skip
    assert "no conversion from disk format ami" in refused(glancelite, name, iso, "--to", "raw", *room)
    assert list((tmp_path / "room").iterdir()) == []
    glancelite("image", "set", image, "--unprotected")


def test_it_needs_qemu_img(glancelite: Run, name: str, queued: str) -> None:
    assert "There is no program qemu-img" in refused(glancelite, name, queued, "--to", "raw", PATH="/nonexistent")


def test_names_exclude_each_other(glancelite: Run) -> None:
    done = glancelite("image", "convert", "x", "--to", "raw", "--name", "y", "--replace")
    assert (done.code, "--replace and --name exclude each other" in done.err) == (2, True), done.err


class Held:
    """A service that holds this data as the one image it has."""

    ID = "505be7df-a7ae-452b-b804-dbb0b01bbe01"

    def __init__(self, canned: Canned, data: bytes, **fields: Any) -> None:
        image = {"id": self.ID, "name": "x", "status": "active", "container_format": "bare", "disk_format": "qcow2",
                 "size": len(data), "tags": [], **fields}  # fmt: skip
        canned.answers["GET", f"/v2/images/{self.ID}"] = (200, {}, image)
        canned.answers["GET", f"/v2/images/{self.ID}/file"] = (200, {}, data)


def qcow2(path: Path, *words: str) -> bytes:
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *words, path, "1M"], check=True)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("backed", "its data is unsafe to open"),
        ("raw", "its data is not qcow2, but raw"),
        ("other", "is recorded."),
    ],
)
def test_data_that_is_not_what_it_should_be_is_not_converted(
    glancelite: Run, canned: Canned, tmp_path: Path, what: str, said: str
) -> None:
    whole = qcow2(tmp_path / "whole")
    fields = {}
    if what == "backed":
        data = qcow2(tmp_path / "backed", "-b", str(tmp_path / "whole"), "-F", "qcow2")
    elif what == "raw":
        data = bytes(MIB)
    else:
        data, fields = whole, {"os_hash_algo": "sha256", "os_hash_value": "0" * 64}
    Held(canned, data, **fields)
    (tmp_path / "room").mkdir()

    words = (Held.ID, "--to", "raw", "--directory", str(tmp_path / "room"))
    done = glancelite("image", "convert", *words, OS_ENDPOINT=canned.url)

    assert (done.code, said in done.err) == (1, True), done.err
    assert [method for method, _, _ in canned.requests if method != "GET"] == []
    assert list((tmp_path / "room").iterdir()) == []


def test_a_place_that_cannot_be_written_is_said(glancelite: Run, canned: Canned, tmp_path: Path) -> None:
    Held(canned, qcow2(tmp_path / "whole"))

    done = glancelite("image", "convert", Held.ID, "--to", "raw", "--directory", "/proc", OS_ENDPOINT=canned.url)

    assert done.code in (1, 2), done.err  # whoever is not root may not even try
    assert "/proc" in done.err and "Traceback" not in done.err


@pytest.fixture
def own_qemu_img(tmp_path: Path) -> Callable[[str], str]:
    """Puts a qemu-img of one's own in front of others, a script; the PATH with it."""

    def put(script: str) -> str:
        program = tmp_path / "bin" / "qemu-img"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return f"{program.parent}:{os.environ['PATH']}"

    return put


def test_what_qemu_img_does_not_understand_is_said(
    glancelite: Run, name: str, make: Callable[..., str], own_qemu_img: Callable[[str], str]
) -> None:
    image = make("qcow2")
    said = refused(glancelite, name, image, "--to", "raw", PATH=own_qemu_img("echo nonsense >&2; exit 1"))
    assert "qemu-img cannot read it as qcow2" in said


def test_an_interrupted_conversion_leaves_nothing(
    glancelite: Run,
    name: str,
    make: Callable[..., str],
    own_qemu_img: Callable[[str], str],
    environ: dict[str, str],
    tmp_path: Path,
) -> None:
    """A Ctrl-C comes while qemu-img has long to do."""
    image, room = make("qcow2"), tmp_path / "room"
    room.mkdir()
    words = command("image", "convert", image, "--to", "raw", "--directory", str(room))

    done = subprocess.run(words, env={**environ, "PATH": own_qemu_img("kill -INT $PPID; exec sleep 60")}, check=False)

    assert done.returncode == 130
    assert list(room.iterdir()) == []
    assert ids(glancelite, f"{name}-raw") == []
