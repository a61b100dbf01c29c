"""`image create`: from files, pipes and nothing at all, and what is left when an upload fails."""

import hashlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from harness import command


def test_a_file_becomes_an_active_image_with_its_hash(glancelite, name, disk):
    done = glancelite("image", "create", name, "--file", disk, "--public", "-f", "json")

    assert (done.code, done.err) == (0, "")
    image = done.json
    assert (image["name"], image["status"], image["size"]) == (name, "active", disk.stat().st_size)
    assert (image["disk_format"], image["container_format"], image["visibility"]) == ("raw", "bare", "public")
    assert image["properties"]["os_hash_value"] == hashlib.sha512(disk.read_bytes()).hexdigest()


def test_the_words_of_openstack_work_unchanged(glancelite, name, disk):
    words = f"image create --file {disk} --disk-format raw --container-format bare --public --tag b --tag a".split()
    words += ["--property", "os_distro=debian", "--property", "note=a=b, c", "--min-disk=3", "--min-ram", "64"]

    image = glancelite(*words, "--unprotected", "--architecture", "x86_64", name, "-f", "json").json

    assert sorted(image["tags"]) == ["a", "b"]
    assert (image["min_disk"], image["min_ram"], image["protected"]) == (3, 64, False)
    properties = image["properties"]
    assert (properties["os_distro"], properties["note"], properties["architecture"]) == ("debian", "a=b, c", "x86_64")


@pytest.mark.parametrize("visibility", ["public", "private", "community", "shared"])
def test_each_visibility_has_an_option(glancelite, name, visibility):
    image = glancelite("image", "create", name, f"--{visibility}", "-f", "json").json

    assert (image["visibility"], image["status"]) == (visibility, "queued")


def test_an_id_and_hidden_may_be_chosen(glancelite, name):
    chosen = "3f0bdfe1-2081-4a7b-8f3c-0123456789ab"

    image = glancelite("image", "create", name, "--id", chosen, "--hidden", "-f", "json").json

    assert (image["id"], image["properties"]["os_hidden"]) == (chosen, True)
    again = glancelite("image", "create", name, "--id", chosen)
    assert again.code == 1
    assert chosen in again.err
    assert "HTTP 409" in again.err


def test_a_pipe_is_uploaded_chunked(glancelite, name, disk):
    image = glancelite("image", "create", name, "-f", "json", stdin=disk.read_bytes()).json

    assert (image["status"], image["size"]) == ("active", disk.stat().st_size)


def test_a_redirected_file_and_a_dash_are_read(glancelite, name, disk):
    with disk.open("rb") as stream:
        redirected = glancelite("image", "create", name, "-f", "value", "-c", "size", stdin=stream)
    dashed = glancelite("image", "create", name, "--file", "-", "-f", "value", "-c", "size", stdin=disk.read_bytes())

    assert redirected.out == dashed.out == f"{disk.stat().st_size}\n"


def test_an_empty_standard_input_is_no_image_data(glancelite, name):
    silent = glancelite("image", "create", name, "-f", "value", "-c", "status")
    empty_pipe = glancelite("image", "create", name, "-f", "value", "-c", "status", stdin=b"")

    assert silent.out == empty_pipe.out == "queued\n"


def test_no_bytes_are_an_image_only_when_said_so(glancelite, name):
    refused = glancelite("image", "create", name, "--file", "-", stdin=b"")
    meant = glancelite("image", "create", name, "--file", "-", "--size", "0", "-f", "json", stdin=b"")

    assert refused.code == 1
    assert "--size 0" in refused.err
    assert (meant.json["status"], meant.json["size"]) == ("active", 0)


def test_a_pipe_must_be_as_long_as_size_says(glancelite, name, disk):
    size = disk.stat().st_size
    exact = glancelite("image", "create", name, "--size", size, "-f", "value", "-c", "size", stdin=disk.read_bytes())
    short = glancelite("image", "create", f"{name}-short", "--size", size + 1, stdin=disk.read_bytes())
    long = glancelite("image", "create", f"{name}-long", "--size", size - 1, stdin=disk.read_bytes())

    assert exact.out == f"{size}\n"
    assert f"only {size} of {size + 1} bytes" in short.err
    assert f"more than the {size - 1} bytes" in long.err
    assert glancelite("image", "list", "--name", f"{name}-short", "-f", "value").out == ""


def test_a_file_must_be_as_long_as_size_says_before_anything_is_made(glancelite, name, disk):
    done = glancelite("image", "create", name, "--file", disk, "--size", "5")

    assert done.code == 2
    assert f"{disk} has 3000000 bytes, but --size says 5." in done.err
    assert glancelite("image", "list", "--name", name, "-f", "value").out == ""


@pytest.mark.parametrize("file", ["missing.img", "."])
def test_an_unreadable_file_is_refused_before_anything_is_made(glancelite, name, file):
    done = glancelite("image", "create", name, "--file", file)

    assert done.code == 1
    assert done.err.startswith(f"Error: Cannot read {file}: ")
    assert glancelite("image", "list", "--name", name, "-f", "value").out == ""


def test_a_failed_upload_says_why_and_leaves_no_image(glancelite, name, disk):
    done = glancelite("image", "create", name, "--file", disk, "--disk-format", "qcow2")

    assert done.code == 1
    assert done.out == ""
    assert name in done.err
    assert "is declared as qcow2, but its content looks like raw" in done.err
    assert "HTTP 415, request req-" in done.err
    assert "The image was deleted again." in done.err
    assert glancelite("image", "list", "--name", name, "-f", "value").out == ""


def test_a_failed_upload_may_leave_the_image_queued(glancelite, name, disk):
    done = glancelite("image", "create", name, "--file", disk, "--disk-format", "qcow2", "--keep-queued")

    assert done.code == 1
    assert "left queued" in done.err
    assert glancelite("image", "show", name, "-f", "value", "-c", "status").out == "queued\n"


def test_ctrl_c_ends_with_130_and_leaves_no_image(environ, glancelite, name, tmp_path):
    reader, writer = os.pipe()
    process = subprocess.Popen(
        command("image", "create", name), stdin=reader, stderr=subprocess.PIPE, env=environ, cwd=tmp_path
    )
    os.close(reader)
    os.write(writer, b"x" * (1 << 16))
    while not glancelite("image", "list", "--name", name, "-f", "value").out:
        os.write(writer, b"x" * (1 << 16))
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    os.close(writer)

    assert process.returncode == 130, err
    assert b"interrupted. The image was deleted again." in err
    assert glancelite("image", "list", "--name", name, "-f", "value").out == ""


def test_a_quiet_pipe_is_said_to_be_waited_for(environ, name, tmp_path):
    reader, writer = os.pipe()
    process = subprocess.Popen(
        command("image", "create", name, "-f", "value", "-c", "status"),
        stdin=reader, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ, cwd=tmp_path,
    )  # fmt: skip
    os.close(reader)
    assert process.stderr is not None
    said = process.stderr.readline()
    os.close(writer)
    out, _ = process.communicate(timeout=20)

    assert said.startswith(b"Waiting for image data on standard input")
    assert out == b"queued\n"


def test_an_early_refusal_is_heard_while_data_is_still_being_sent(glancelite, canned, name, tmp_path):
    big = tmp_path / "big.img"
    with big.open("wb") as stream:
        stream.truncate(64 << 20)
    image = {"id": "505be7df-a7ae-452b-b804-dbb0b01bbe01", "name": name, "status": "queued", "tags": []}
    path = f"/v2/images/{image['id']}"

    def refuse(handler):
        handler.rfile.read(100_000)
        headers = {"Content-Type": "application/json", "Connection": "close", "X-Openstack-Request-Id": "req-1"}
        handler.say(413, headers, {"message": "The quota is used up.<br /><br />\n", "code": "413"})
        handler.close_connection = True

    canned.answers |= {
        ("POST", "/v2/images"): (201, {}, image),
        ("PUT", f"{path}/file"): refuse,
        ("GET", path): (200, {}, image),
        ("DELETE", path): (204, {}, b""),
    }

    done = glancelite("image", "create", name, "--file", big, OS_ENDPOINT=canned.url)

    assert done.code == 1
    assert "The quota is used up. (HTTP 413, request req-1)" in done.err
    assert "Broken pipe" not in done.err
    assert canned.requests[-1][0] == "DELETE"


def test_an_image_that_became_active_is_never_deleted_again(glancelite, canned, name, disk):
    image = {"id": "505be7df-a7ae-452b-b804-dbb0b01bbe01", "name": name, "status": "queued", "tags": []}
    path = f"/v2/images/{image['id']}"

    def vanish(handler):
        handler.rfile.read(int(handler.headers["Content-Length"]))
        handler.close_connection = True

    canned.answers |= {
        ("POST", "/v2/images"): (201, {}, image),
        ("PUT", f"{path}/file"): vanish,
        ("GET", path): (200, {}, image | {"status": "active"}),
    }

    done = glancelite("image", "create", name, "--file", disk, OS_ENDPOINT=canned.url)

    assert done.code == 1
    assert "The image is active; it was left as it is." in done.err


def test_an_upload_tells_its_length_when_it_knows_it(glancelite, canned, name, disk):
    image = {"id": "505be7df-a7ae-452b-b804-dbb0b01bbe01", "name": name, "status": "active", "tags": []}
    path = f"/v2/images/{image['id']}"
    heard = []

    def take(handler):
        heard.append(dict(handler.headers))
        if "Content-Length" in handler.headers:
            handler.rfile.read(int(handler.headers["Content-Length"]))
        else:
            while size := int(handler.rfile.readline(), 16):
                handler.rfile.read(size + 2)
            handler.rfile.readline()
        handler.say(204, {}, b"")

    canned.answers |= {
        ("POST", "/v2/images"): (201, {}, image),
        ("PUT", f"{path}/file"): take,
        ("GET", path): (200, {}, image),
    }

    assert glancelite("image", "create", name, "--file", disk, OS_ENDPOINT=canned.url).code == 0
    assert glancelite("image", "create", name, stdin=disk.read_bytes(), OS_ENDPOINT=canned.url).code == 0

    size = str(disk.stat().st_size)
    assert (heard[0]["Content-Length"], heard[0]["x-openstack-image-size"]) == (size, size)
    assert heard[1]["Transfer-Encoding"] == "chunked"
    assert heard[0]["Content-Type"] == heard[1]["Content-Type"] == "application/octet-stream"


def test_progress_is_shown_as_json_lines_and_as_tenths(glancelite, name, disk):
    lines = glancelite("image", "create", name, "--file", disk, "--progress", GLANCELITE_PROGRESS="json").err
    tenths = glancelite("image", "create", name, "--file", disk, "--progress", "-v").err
    silent = glancelite("image", "create", name, "--file", disk, "--progress")

    assert f'{{"bytes": {disk.stat().st_size}, "total": {disk.stat().st_size}}}' in lines
    assert "MiB of 2 MiB" in tenths
    assert silent.err == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--property", "plain"], "'plain' is not KEY=VALUE"),
        (["--property", "disk_format=qcow2"], "'disk_format' is a field of the image"),
        (["--public", "--private"], "--public and --private exclude each other"),
        (["--protected", "--unprotected"], "--protected and --unprotected exclude each other"),
        (["--min-disk", "-1"], "--min-disk"),
        (["--min-ram", "much"], "--min-ram"),
        (["--volume", "v"], "--volume is not offered"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_made(glancelite, name, words, said):
    done = glancelite("image", "create", name, *words)

    assert done.code == 2
    assert said in done.err
    assert glancelite("image", "list", "--name", name, "-f", "value").out == ""


def test_the_data_of_a_device_is_read_like_a_pipe(glancelite, name, tmp_path: Path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with subprocess.Popen(["sh", "-c", f"head -c 5000 /dev/zero > {fifo}"]):
        image = glancelite("image", "create", name, "--file", fifo, "-f", "json").json

    assert (image["status"], image["size"]) == ("active", 5000)
