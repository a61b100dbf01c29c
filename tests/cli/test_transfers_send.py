"""Data on its way to the service: compared with what was recorded, none of it, and what format it is in."""

import hashlib
import os
import subprocess

import pytest
from api.disks import qcow2
from cli.sending import ID, PATH, Wrong, ids, show
from harness import command, make_service, running

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


def test_data_of_a_pipe_is_hashed_by_the_algorithm_of_the_newest_image(glancelite, canned):
    service = Wrong(canned)
    canned.answers["GET", "/v2/images"] = (200, {}, {"images": [{"id": "other", "os_hash_algo": "sha256"}]})
    right = {"os_hash_algo": "sha256", "os_hash_value": hashlib.sha256(b"data").hexdigest()}
    service.image["then"] = right
    fine = glancelite("image", "create", "x", "--size", "4", stdin=b"data", OS_ENDPOINT=canned.url)
    service.image["then"] = right | {"os_hash_value": "0" * 64}
    wrong = glancelite("image", "create", "x", "--size", "4", stdin=b"data", OS_ENDPOINT=canned.url)

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

    assert "glancelite.cli.delivery" in done.stderr
    assert "glancelite.formats" not in done.stderr
