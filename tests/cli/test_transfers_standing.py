"""Images of the name that are there already: one that --if-absent is content with, those that --replace deletes."""

import hashlib

import pytest
from cli.sending import ids


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
        (["--sign-key-path", "k"], "--sign-key-path and --sign-cert-id go together"),
        (["--sign-cert-id", "c"], "--sign-key-path and --sign-cert-id go together"),
        (["--sign-key-path", "k", "--sign-cert-id", "c"], "--sign-key-path needs --file"),
        (["--sign-key-path", "k", "--sign-cert-id", "c", "--uri", "http://example.com/x"], "needs --file"),
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
