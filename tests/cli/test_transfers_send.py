"""Data on its way to the service: compared with what was recorded, interrupted, replaced, and what is there already."""

import hashlib
import os
import signal
import subprocess
import time

import pytest
from api.disks import qcow2
from harness import command, make_service, running

ID = "505be7df-a7ae-452b-b804-dbb0b01bbe01"
PATH = f"/v2/images/{ID}"


def ids(glancelite, name):
    return glancelite("image", "list", "--name", name, "-f", "value", "-c", "ID").out.split()


def show(glancelite, image):
    return glancelite("image", "show", image, "-f", "json").json


@pytest.fixture
def queued(glancelite, name) -> str:
    """The id of an image without data."""
    return glancelite("image", "create", name, "-f", "value", "-c", "id").out.strip()


class Wrong:
    """A service that takes data and records another hash of it."""

    def __init__(self, canned, **fields):
        self.canned = canned
        self.image = {"id": ID, "name": "x", "status": "queued", "tags": [], "protected": False, **fields}
        canned.answers |= {
            ("POST", "/v2/images"): (201, {}, self.image),
            ("GET", PATH): lambda handler: handler.say(200, {}, self.image),
            ("PUT", f"{PATH}/file"): self.take,
            ("DELETE", PATH): (204, {}, b""),
            ("POST", f"{PATH}/actions/deactivate"): (204, {}, b""),
            ("PATCH", PATH): self.unprotect,
        }

    def take(self, handler):
        data = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.image |= {"status": "active", "size": len(data)}
        self.image |= {"os_hash_algo": "sha512", "os_hash_value": "f" * 128} | self.image.get("then", {})
        handler.say(204, {}, b"")

    def unprotect(self, handler):
        handler.rfile.read(int(handler.headers["Content-Length"]))
        self.canned.answers["DELETE", PATH] = (204, {}, b"")
        handler.say(200, {}, self.image)

    @property
    def asked(self):
        return [(method, path) for method, path, _ in self.canned.requests]


# Compared -------------------------------------------------------------------------------------------------------------


def test_an_image_with_another_hash_is_deleted_and_both_are_said(glancelite, canned, disk):
    service = Wrong(canned)

    done = glancelite("image", "create", "x", "--file", disk, OS_ENDPOINT=canned.url)

    ours = hashlib.sha512(disk.read_bytes()).hexdigest()
    assert (done.code, done.out) == (1, "")
    assert f"the sha512 of the data is {ours}, but the service recorded {'f' * 128}. The image was deleted" in done.err
    assert service.asked[-1] == ("DELETE", PATH)


def test_keep_queued_does_not_keep_wrong_data(glancelite, canned, disk):
    service = Wrong(canned)

    assert glancelite("image", "create", "x", "--file", disk, "--keep-queued", OS_ENDPOINT=canned.url).code == 1
    assert service.asked[-1] == ("DELETE", PATH)


def test_a_protected_image_with_another_hash_is_deleted_too(glancelite, canned, disk):
    service = Wrong(canned, protected=True)
    canned.answers["DELETE", PATH] = (403, {}, {"message": "protected"})

    done = glancelite("image", "create", "x", "--file", disk, "--protected", OS_ENDPOINT=canned.url)

    assert "The image was deleted again." in done.err
    assert service.asked[-3:] == [("DELETE", PATH), ("PATCH", PATH), ("DELETE", PATH)]


def test_an_uploaded_image_with_another_hash_is_deactivated(glancelite, canned, disk):
    service = Wrong(canned)

    done = glancelite("image", "upload", ID, "--file", disk, OS_ENDPOINT=canned.url)

    assert done.code == 1
    assert f"but the service recorded {'f' * 128}. The image was deactivated" in done.err
    assert service.asked[-1] == ("POST", f"{PATH}/actions/deactivate")


def test_wrong_data_that_cannot_be_blocked_is_said_loudly(glancelite, canned, disk):
    Wrong(canned)
    canned.answers["POST", f"{PATH}/actions/deactivate"] = (403, {}, {"message": "not you"})

    done = glancelite("image", "upload", ID, "--file", disk, OS_ENDPOINT=canned.url)

    assert (done.code, "The image is ACTIVE with the wrong data" in done.err) == (1, True)


def test_a_hash_by_another_algorithm_is_compared_by_reading_the_file_again(glancelite, canned, disk):
    service = Wrong(canned)
    right = {"os_hash_algo": "sha256", "os_hash_value": hashlib.sha256(disk.read_bytes()).hexdigest()}
    service.image["then"] = right
    fine = glancelite("image", "create", "x", "--file", disk, OS_ENDPOINT=canned.url)
    service.image["then"] = right | {"os_hash_value": "0" * 64}
    wrong = glancelite("image", "create", "x", "--file", disk, OS_ENDPOINT=canned.url)

    assert (fine.code, fine.err) == (0, "")
    assert (wrong.code, "the sha256 of the data is " in wrong.err) == (1, True)


def test_data_of_a_pipe_with_a_hash_by_another_algorithm_is_said_not_to_be_compared(glancelite, canned, disk):
    service = Wrong(canned)
    service.image["then"] = {"os_hash_algo": "sha256", "os_hash_value": "0" * 64}

    done = glancelite("image", "create", "x", "--size", "4", stdin=b"data", OS_ENDPOINT=canned.url)

    assert (done.code, "could not be compared" in done.err) == (0, True)


# image upload ---------------------------------------------------------------------------------------------------------


def test_an_image_without_data_gets_it(glancelite, queued, disk):
    done = glancelite("image", "upload", queued, "--file", disk)

    assert (done.code, done.out, done.err) == (0, "", "")
    assert show(glancelite, queued)["size"] == disk.stat().st_size


def test_a_pipe_of_known_size_is_uploaded(glancelite, queued):
    assert glancelite("image", "upload", queued, "--size", "4", stdin=b"data").code == 0
    assert show(glancelite, queued)["size"] == 4


def test_an_image_that_has_data_keeps_it(glancelite, queued, disk):
    glancelite("image", "upload", queued, stdin=b"data")

    done = glancelite("image", "upload", queued, "--file", disk)

    assert done.code == 1
    assert f"Cannot upload the data of image '{queued}': " in done.err
    assert "HTTP 409" in done.err
    assert done.err.endswith("The image is active.\n")


def test_data_that_is_not_what_was_promised_is_refused_and_the_image_stays(glancelite, queued, disk):
    done = glancelite("image", "upload", queued, "--file", disk, "--checksum", f"sha256:{'0' * 64}")

    assert (done.code, "but --checksum says" in done.err) == (1, True)
    assert show(glancelite, queued)["status"] == "queued"


def test_without_data_there_is_nothing_to_upload(glancelite, queued):
    assert glancelite("image", "upload", queued).code == 2


@pytest.mark.slow
def test_an_upload_chooses_its_store(glancelite, name, disk, tmp_path):
    settings = {"ENABLED_BACKENDS": "fast:file,slow:file", "GLANCE_STORE_DEFAULT_BACKEND": "fast"}
    with running(make_service(tmp_path / "data", auth="none", **settings)) as service:
        there = {"OS_ENDPOINT": service.url}
        image = glancelite("image", "create", name, "-f", "value", "-c", "id", **there).out.strip()
        assert glancelite("image", "upload", image, "--file", disk, "--store", "slow", **there).code == 0
        shown = glancelite("image", "show", image, "-f", "json", **there).json
    assert shown["properties"]["stores"] == "slow"


# No bytes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["file", "device"])
def test_an_empty_file_is_an_image_only_when_said_so(glancelite, name, tmp_path, kind):
    (tmp_path / "file").touch()
    place = "file" if kind == "file" else "/dev/null"

    refused = glancelite("image", "create", name, "--file", place)
    said = glancelite("image", "create", name, "--file", place, "--size", "0", "-f", "json")

    assert (refused.code, f"{place} is empty; for an image of no bytes say so with --size 0." in refused.err) == (
        1,
        True,
    )
    assert (said.json["status"], said.json["size"]) == ("active", 0)
    assert len(ids(glancelite, name)) == 1


# The format of the disk -----------------------------------------------------------------------------------------------


def test_the_format_of_a_file_is_seen(glancelite, name, tmp_path):
    (tmp_path / "disk").write_bytes(qcow2())

    seen = glancelite("image", "create", name, "--file", "disk", "-f", "json")
    unseen = glancelite("image", "create", name, "--file", "disk", "--no-detect-format", "-f", "json")
    said = glancelite("image", "create", name, "--file", "disk", "--disk-format", "raw", "-f", "json")

    assert (seen.json["disk_format"], seen.err) == (
        "qcow2",
        "The data is qcow2: the image's disk format is set to that.\n",
    )
    assert (unseen.json["disk_format"], unseen.err) == (said.json["disk_format"], said.err) == ("raw", "")


def test_a_fixed_vhd_is_seen_by_its_end(glancelite, name, tmp_path):
    footer = bytearray(512)
    footer[0:8], footer[8:16], footer[16:24] = b"conectix", bytes.fromhex("0000000200010000"), b"\xff" * 8
    footer[40:48] = footer[48:56] = (3 << 20).to_bytes(8, "big")
    footer[60:64] = (2).to_bytes(4, "big")
    footer[64:68] = (~sum(footer) & 0xFFFFFFFF).to_bytes(4, "big")
    (tmp_path / "disk").write_bytes(os.urandom(3 << 20) + footer)

    assert glancelite("image", "create", name, "--file", "disk", "-f", "value", "-c", "disk_format").out == "vhd\n"


def test_the_format_of_a_pipe_is_seen_when_that_is_asked_for(glancelite, name):
    data = qcow2()
    words = ["image", "create", name, "-f", "value", "-c", "disk_format"]

    assert glancelite(*words, stdin=data).out == "raw\n"
    assert glancelite(*words, "--detect-format", stdin=data).out == "qcow2\n"
    assert glancelite(*words, "--detect-format", "--disk-format", "raw", stdin=data).code == 2


def test_what_looks_is_not_loaded_for_who_said_the_format(environ, glancelite, name, disk):
    words = command("image", "create", name, "--file", str(disk), "--disk-format", "raw")
    words[1:1] = ["-X", "importtime"]
    done = subprocess.run(words, env=environ, capture_output=True, text=True, timeout=60, check=True)

    assert "glancelite.cli.transfer" in done.stderr
    assert "glancelite.formats" not in done.stderr


# What is there already ------------------------------------------------------------------------------------------------


def test_if_absent_makes_an_image_once(glancelite, name, disk):
    words = ["image", "create", name, "--file", disk, "--if-absent", "-f", "json"]

    first, second = glancelite(*words), glancelite(*words)

    assert (first.code, second.code, first.json["id"]) == (0, 0, second.json["id"])
    assert len(ids(glancelite, name)) == 1


def test_if_absent_makes_another_for_other_data(glancelite, name, disk):
    glancelite("image", "create", name, "--file", disk)
    data = bytearray(disk.read_bytes())
    data[100] ^= 1
    disk.write_bytes(data)

    made = glancelite("image", "create", name, "--file", disk, "--if-absent", "-f", "json")

    assert made.json["properties"]["os_hash_value"] == hashlib.sha512(data).hexdigest()
    assert len(ids(glancelite, name)) == 2


def test_if_absent_goes_by_the_checksum_where_data_comes_by_a_pipe(glancelite, name):
    words = ["image", "create", name, "--if-absent", "-f", "value", "-c", "id"]
    first = glancelite(*words, stdin=b"one").out

    assert glancelite(*words, stdin=b"one").out == first
    assert glancelite(*words, "--checksum", f"sha512:{hashlib.sha512(b'one').hexdigest()}", stdin=b"one").out == first
    assert glancelite(*words, "--checksum", f"md5:{hashlib.md5(b'one').hexdigest()}", stdin=b"one").out == first
    two = glancelite(*words, "--checksum", f"sha512:{hashlib.sha512(b'two').hexdigest()}", stdin=b"two").out
    assert two not in ("", first)


def test_if_absent_says_when_it_cannot_tell(glancelite, name):
    glancelite("image", "create", name, stdin=b"one")

    done = glancelite("image", "create", name, "--if-absent", "--checksum", f"sha256:{'0' * 64}", stdin=b"one")

    assert done.code == 1
    assert "--checksum says sha256, and the service recorded sha512, md5" in done.err
    assert len(ids(glancelite, name)) == 1


def test_if_absent_is_not_content_with_an_image_without_data(glancelite, name, queued, disk):
    done = glancelite("image", "create", name, "--file", disk, "--if-absent", "-f", "json")

    assert (done.json["status"], done.json["id"] != queued) == ("active", True)


def test_if_absent_keeps_the_promise_of_a_checksum(glancelite, name, disk):
    glancelite("image", "create", name, "--file", disk)

    done = glancelite("image", "create", name, "--file", disk, "--if-absent", "--checksum", f"sha256:{'0' * 64}")

    assert (done.code, "but --checksum says" in done.err) == (1, True)


def test_replace_leaves_only_the_new_image(glancelite, name, disk):
    words = ["image", "create", name, "--file", disk, "-f", "value", "-c", "id"]
    glancelite(*words)
    glancelite(*words, "--hidden")

    new = glancelite(*words, "--replace").out.strip()

    assert ids(glancelite, name) == [new]
    assert glancelite("image", "list", "--name", name, "--hidden", "-f", "value").out == ""


def test_replace_deletes_nothing_when_the_new_image_fails(glancelite, name, disk):
    old = glancelite("image", "create", name, "--file", disk, "-f", "value", "-c", "id").out.strip()

    done = glancelite("image", "create", name, "--file", disk, "--disk-format", "qcow2", "--replace")

    assert done.code == 1
    assert ids(glancelite, name) == [old]


def test_replace_lets_others_images_and_unfinished_ones_be(glancelite, name, disk, queued):
    words = ["image", "create", name, "--file", disk, "-f", "value", "-c", "id"]
    other = glancelite(*words, "--owner", "somebody", "--public").out.strip()

    new = glancelite(*words, "--replace").out.strip()

    assert sorted(ids(glancelite, name)) == sorted([queued, other, new])


def test_replace_says_what_it_could_not_delete(glancelite, name, disk):
    words = ["image", "create", name, "--file", disk, "-f", "value", "-c", "id"]
    old = glancelite(*words, "--protected").out.strip()

    done = glancelite(*words, "--replace")

    assert (done.code, f"The older image {old} was not deleted: " in done.err) == (1, True)
    assert sorted(ids(glancelite, name)) == sorted([old, done.out.strip()])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--replace"], "--replace needs data"),
        (["--replace", "--uri", "http://example.com/x"], "--replace needs --wait"),
        (["--sign-key-path", "k", "--sign-cert-id", "c"], "this client speaks to no key manager"),
        (["--volume", "v", "--force"], "speaks to no block storage service"),
        (["--wait-timeout", "5", "--uri", "http://example.com/x"], "--wait-timeout goes with --wait"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_made(glancelite, name, words, said):
    done = glancelite("image", "create", name, *words)

    assert (done.code, said in done.err) == (2, True)
    assert ids(glancelite, name) == []


def test_force_has_nothing_to_force(glancelite, name):
    assert glancelite("image", "create", name, "--force").code == 0


# Ctrl-C ---------------------------------------------------------------------------------------------------------------


def start_upload(environ, tmp_path, name, *more):
    """A create whose data has begun to come; it, and the end of its pipe."""
    reader, writer = os.pipe()
    words = command("image", "create", name, *more)
    process = subprocess.Popen(words, stdin=reader, stderr=subprocess.PIPE, env=environ, cwd=tmp_path)
    os.close(reader)
    for _ in range(40):
        os.write(writer, os.urandom(1 << 16))
    return process, writer


def wait_for(glancelite, name, status):
    deadline = time.monotonic() + 20
    while glancelite("image", "list", "--name", name, "-f", "value", "-c", "Status").out != f"{status}\n":
        assert time.monotonic() < deadline


@pytest.mark.parametrize("more", [[], ["--protected", "--progress"]], ids=["plain", "protected"])
def test_ctrl_c_in_the_middle_of_an_upload_leaves_nothing(environ, glancelite, name, tmp_path, more):
    process, writer = start_upload(environ, tmp_path, name, *more)
    wait_for(glancelite, name, "saving")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    os.close(writer)

    assert (process.returncode, b"interrupted. The image was deleted again." in err) == (130, True)
    assert b"Traceback" not in err
    assert ids(glancelite, name) == []


def test_a_second_ctrl_c_does_not_stop_the_cleaning_up(environ, canned, disk, tmp_path):
    """The service is slow to say what became of the image; Ctrl-C is pressed again meanwhile."""
    service = Wrong(canned)
    started: list = []

    def hang(handler):
        os.kill(started[0].pid, signal.SIGINT)
        time.sleep(1)
        handler.close_connection = True

    def answer_late(handler):
        os.kill(started[0].pid, signal.SIGINT)
        time.sleep(0.3)
        handler.say(200, {}, service.image)

    canned.answers |= {("PUT", f"{PATH}/file"): hang, ("GET", PATH): answer_late}
    with subprocess.Popen(
        command("image", "create", "x", "--file", str(disk)), env=environ | {"OS_ENDPOINT": canned.url},
        stderr=subprocess.PIPE, cwd=tmp_path,
    ) as process:  # fmt: skip
        started.append(process)
        _, err = process.communicate(timeout=20)

    assert process.returncode == 130
    assert b"Ctrl-C once more leaves it as it is." in err
    assert b"The image was deleted again." in err
    assert b"Traceback" not in err
    assert service.asked[-1] == ("DELETE", PATH)


def test_a_third_ctrl_c_is_obeyed_without_a_traceback(environ, canned, disk, tmp_path):
    service = Wrong(canned)
    started: list = []

    def press(handler):
        os.kill(started[0].pid, signal.SIGINT)
        time.sleep(0.5)
        if handler.command == "GET":
            os.kill(started[0].pid, signal.SIGINT)
        handler.close_connection = True

    canned.answers |= {("PUT", f"{PATH}/file"): press, ("GET", PATH): press}
    with subprocess.Popen(
        command("image", "create", "x", "--file", str(disk)), env=environ | {"OS_ENDPOINT": canned.url},
        stderr=subprocess.PIPE, cwd=tmp_path,
    ) as process:  # fmt: skip
        started.append(process)
        _, err = process.communicate(timeout=20)

    assert (process.returncode, b"Traceback" in err) == (130, False)
    assert ("DELETE", PATH) not in service.asked


def test_ctrl_c_before_the_answer_to_the_creation_leaves_nothing(environ, canned, tmp_path):
    """The id was chosen here: what came of a request whose answer was not waited for is deleted by it."""
    import json

    started, deleted = [], []

    def make(handler):
        image = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        canned.answers["DELETE", f"/v2/images/{image['id']}"] = lambda other: (
            deleted.append(image["id"]), other.say(204, {}, b"")
        )  # fmt: skip
        os.kill(started[0].pid, signal.SIGINT)
        time.sleep(1)
        handler.close_connection = True

    canned.answers["POST", "/v2/images"] = make
    with subprocess.Popen(
        command("image", "create", "x"), env=environ | {"OS_ENDPOINT": canned.url}, stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE, cwd=tmp_path,
    ) as process:  # fmt: skip
        started.append(process)
        _, err = process.communicate(timeout=20)

    assert (process.returncode, len(deleted), b"Traceback" in err) == (130, 1, False)


def test_ctrl_c_in_the_upload_to_an_image_that_was_there_leaves_it_without_data(environ, glancelite, queued, tmp_path):
    reader, writer = os.pipe()
    process = subprocess.Popen(
        command("image", "upload", queued), stdin=reader, stderr=subprocess.PIPE, env=environ, cwd=tmp_path
    )
    os.close(reader)
    for _ in range(40):
        os.write(writer, os.urandom(1 << 16))
    deadline = time.monotonic() + 20
    while show(glancelite, queued)["status"] != "saving":
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    os.close(writer)

    assert (process.returncode, b"interrupted. The image is " in err) == (130, True)
    while show(glancelite, queued)["status"] != "queued":
        assert time.monotonic() < deadline + 20
