"""`image save`: whole and checked, or not at all."""

import hashlib
import os
import pty
import subprocess

import pytest
from harness import command

ID = "505be7df-a7ae-452b-b804-dbb0b01bbe01"
DATA = b"some data of an image"


def record(**fields):
    return {"id": ID, "name": "x", "status": "active", "size": len(DATA), "checksum": hashlib.md5(DATA).hexdigest(),
            "os_hash_algo": "sha512", "os_hash_value": hashlib.sha512(DATA).hexdigest(), **fields}  # fmt: skip


@pytest.fixture
def image(glancelite, name, disk):
    return glancelite("image", "create", name, "--file", disk, "-f", "value", "-c", "id").out.strip()


def test_data_comes_back_byte_for_byte(glancelite, image, name, disk, tmp_path):
    done = glancelite("image", "save", name, "--file", "copy.img")

    assert (done.code, done.out, done.err) == (0, "", "")
    assert (tmp_path / "copy.img").read_bytes() == disk.read_bytes()
    assert not (tmp_path / "copy.img.part").exists()
    assert glancelite("image", "save", image, "--chunk-size", "1000").data == disk.read_bytes()


def test_what_is_measured_stands_beside_data_on_standard_output(glancelite, image, disk):
    done = glancelite("image", "save", image, "--timing")
    assert (done.code, done.data == disk.read_bytes()) == (0, True)
    assert "| Total" in done.err


def test_a_file_that_was_there_is_replaced_through_its_link(glancelite, image, disk, tmp_path):
    (tmp_path / "real.img").write_bytes(b"old")
    (tmp_path / "link.img").symlink_to("real.img")

    assert glancelite("image", "save", image, "--file", "link.img").code == 0

    assert (tmp_path / "link.img").is_symlink()
    assert (tmp_path / "real.img").read_bytes() == disk.read_bytes()


def test_a_device_is_written_to_and_not_replaced(glancelite, image, disk, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with subprocess.Popen(["sh", "-c", f"cat {fifo} > {tmp_path}/seen"]):
        assert glancelite("image", "save", image, "--file", "fifo").code == 0

    assert fifo.is_fifo()
    assert (tmp_path / "seen").read_bytes() == disk.read_bytes()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"os_hash_value": "0" * 128}, "the data's sha512 is"),
        ({"os_hash_value": None, "checksum": "0" * 32}, "the data's md5 is"),
        ({"size": 5}, "21 bytes came, but the image has 5"),
    ],
)
def test_wrong_data_never_gets_the_files_name(glancelite, canned, tmp_path, fields, said):
    canned.answers["GET", f"/v2/images/{ID}"] = (200, {}, record(**fields))
    canned.answers["GET", f"/v2/images/{ID}/file"] = (200, {}, DATA)
    (tmp_path / "out.img").write_bytes(b"what was there before")

    done = glancelite("image", "save", ID, "--file", "out.img", OS_ENDPOINT=canned.url)

    assert done.code == 1
    assert f"Cannot save image '{ID}': {said}" in done.err
    assert (tmp_path / "out.img").read_bytes() == b"what was there before"
    assert not (tmp_path / "out.img.part").exists()


def test_wrong_data_on_standard_output_ends_with_1(glancelite, canned):
    canned.answers["GET", f"/v2/images/{ID}"] = (200, {}, record(os_hash_value="0" * 128))
    canned.answers["GET", f"/v2/images/{ID}/file"] = (200, {}, DATA)

    done = glancelite("image", "save", ID, OS_ENDPOINT=canned.url)

    assert (done.code, done.data) == (1, DATA)


def test_a_body_cut_short_is_an_error(glancelite, canned, tmp_path):
    def cut(handler):
        handler.say(200, {"Content-Length": "21"}, DATA[:5])
        handler.close_connection = True

    canned.answers["GET", f"/v2/images/{ID}"] = (200, {}, record())
    canned.answers["GET", f"/v2/images/{ID}/file"] = cut

    done = glancelite("image", "save", ID, "--file", "out.img", OS_ENDPOINT=canned.url)

    assert done.code == 1
    assert f"The connection to {canned.url} broke" in done.err
    assert list(tmp_path.glob("out.img*")) == []


def test_data_without_any_hash_is_saved_with_a_warning(glancelite, canned, tmp_path):
    canned.answers["GET", f"/v2/images/{ID}"] = (200, {}, record(os_hash_value=None, checksum=None))
    canned.answers["GET", f"/v2/images/{ID}/file"] = (200, {}, DATA)

    done = glancelite("image", "save", ID, "--file", "out.img", OS_ENDPOINT=canned.url)

    assert done.code == 0
    assert "could not be checked" in done.err
    assert (tmp_path / "out.img").read_bytes() == DATA


def test_an_image_without_data_is_said_to_have_none(glancelite, name, tmp_path):
    glancelite("image", "create", name)

    done = glancelite("image", "save", name, "--file", "out.img")

    assert done.code == 1
    assert done.err == f"Error: Cannot save image '{name}': it has no data, its status is queued.\n"
    assert list(tmp_path.glob("out.img*")) == []


def test_a_folder_that_is_not_there_is_named(glancelite, image):
    done = glancelite("image", "save", image, "--file", "none/out.img")

    assert done.code == 1
    assert done.err == "Error: Cannot write none/out.img: No such file or directory.\n"


def test_two_saves_do_not_write_one_file(glancelite, canned, tmp_path):
    canned.answers["GET", f"/v2/images/{ID}"] = (200, {}, record())
    second = []

    def ask_again(handler):
        canned.answers["GET", f"/v2/images/{ID}/file"] = (200, {}, DATA)
        handler.send_response(200)
        handler.send_header("Content-Length", "21")
        handler.end_headers()
        handler.wfile.write(DATA[:5])
        handler.wfile.flush()
        while not (tmp_path / "out.img.part").exists():
            pass
        second.append(glancelite("image", "save", ID, "--file", "out.img", OS_ENDPOINT=canned.url))
        handler.wfile.write(DATA[5:])

    canned.answers["GET", f"/v2/images/{ID}/file"] = ask_again
    first = glancelite("image", "save", ID, "--file", "out.img", OS_ENDPOINT=canned.url)

    assert first.code == 0
    assert second[0].code == 1
    assert "Another process is writing" in second[0].err
    assert (tmp_path / "out.img").read_bytes() == DATA


def test_data_is_not_written_to_a_terminal(environ, image):
    master, terminal = pty.openpty()
    done = subprocess.run(
        command("image", "save", image), stdout=terminal, stderr=subprocess.PIPE, env=environ, check=False
    )
    os.close(terminal)
    os.close(master)

    assert done.returncode == 2
    assert b"not written to a terminal" in done.stderr


def test_a_reader_that_goes_away_ends_the_command_with_141(environ, image):
    process = subprocess.Popen(
        command("image", "save", image), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ
    )
    assert process.stdout is not None
    assert len(process.stdout.read(10)) == 10
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    process.stderr.close()

    assert process.wait(20) == 141
    assert err == b""
