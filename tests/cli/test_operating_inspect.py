"""`glancelite image inspect` says what the service would say of a file, without a service."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from harness import command
from operating import run

QEMU = "qemu-img"


@pytest.mark.needs(QEMU)
@pytest.mark.parametrize("disk_format", ["qcow2", "vmdk", "vdi", "vhdx"])
def test_a_format_and_the_size_of_its_disk_are_told(disk_format: str, tmp_path: Path) -> None:
    file = tmp_path / "disk"
    options = ["-o", "subformat=monolithicSparse"] if disk_format == "vmdk" else []
    subprocess.run([QEMU, "create", "-q", "-f", disk_format, *options, file, "8M"], check=True)
    done = run("image", "inspect", file, "-f", "json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["format"], said["virtual_size"], said["safe"]) == (0, disk_format, 8 << 20, True)
    assert (said["size"], said["file"]) == (file.stat().st_size, str(file))


@pytest.mark.needs(QEMU)
def test_an_image_that_opens_another_file_is_unsafe(tmp_path: Path) -> None:
    base, file = tmp_path / "base", tmp_path / "disk"
    subprocess.run([QEMU, "create", "-q", "-f", "qcow2", base, "8M"], check=True)
    subprocess.run([QEMU, "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", file], check=True)
    done = run("image", "inspect", file, "-f", "json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["safe"]) == (4, False)
    assert "backing" in said["unsafe_because"]


def test_what_is_declared_is_compared(tmp_path: Path) -> None:
    file = tmp_path / "disk"
    file.write_bytes(b"no format at all" * 1000)
    plain = run("image", "inspect", file, "-f", "value", "-c", "format", "-c", "virtual_size")
    assert (plain.returncode, plain.stdout) == (0, "raw\n16000\n")
    assert run("image", "inspect", file, "--disk-format", "raw").returncode == 0
    done = run("image", "inspect", file, "--disk-format", "qcow2", "-f", "json")
    assert (done.returncode, json.loads(done.stdout)["fits"]) == (4, False)


def test_hashes_are_those_of_a_pipe_too(tmp_path: Path) -> None:
    data = b"some bytes" * 300_000
    words = command("image", "inspect", "-", "--hash", "-f", "json")
    done = subprocess.run(words, input=data, capture_output=True, timeout=60, check=True)
    said = json.loads(done.stdout)
    for name in ("md5", "sha256", "sha512"):
        assert said[name] == hashlib.new(name, data).hexdigest()
    assert said["size"] == len(data)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    done = run("image", "inspect", tmp_path / "none")
    assert (done.returncode != 0, "No such file" in done.stderr, "Traceback" in done.stderr) == (True, True, False)


def test_other_image_commands_do_not_load_the_inspector() -> None:
    code = "import sys, glancelite.cli.image; print('oslo_utils' in sys.modules, 'glancelite.formats' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False False\n"
