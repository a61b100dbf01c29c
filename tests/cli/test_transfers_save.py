"""`image save` over lines that break: what came is kept and gone on with, and what has changed is noticed."""

import hashlib
import json
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.cutter import Cutter
from faults.test_disks import needs_mount, small_disk  # noqa: F401 - a fixture
from harness import command, make_service, running

ID = "505be7df-a7ae-452b-b804-dbb0b01bbe01"
DATA = os.urandom(100_000)
MIB = 1 << 20


def record(data=DATA, **fields):
    return {"id": ID, "name": "x", "status": "active", "size": len(data), "checksum": hashlib.md5(data).hexdigest(),
            "os_hash_algo": "sha512", "os_hash_value": hashlib.sha512(data).hexdigest(), **fields}  # fmt: skip


@pytest.fixture
def image(glancelite, name, disk):
    return glancelite("image", "create", name, "--file", disk, "-f", "value", "-c", "id").out.strip()


@pytest.fixture
def cutter(endpoint) -> Iterator[Cutter]:
    relay = Cutter(endpoint)
    yield relay
    relay.close()


def digest_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


# Going on -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [[], ["--sparse"]], ids=["plain", "sparse"])
def test_a_cut_save_is_resumed_from_where_it_was(glancelite, image, disk, cutter, tmp_path, more):
    words = ["image", "save", image, "--file", "out.img", "--resume", *more]
    cutter.cuts = [1_500_000]

    cut = glancelite(*words, OS_ENDPOINT=cutter.url)

    have = (tmp_path / "out.img.part").stat().st_size
    assert cut.code == 1
    assert f"out.img.part has {have} bytes of it: --resume goes on from there." in cut.err
    assert "broke" in cut.err
    assert 1_490_000 < have < 1_500_000
    assert not (tmp_path / "out.img").exists()

    done = glancelite(*words, OS_ENDPOINT=cutter.url)

    assert (done.code, done.out, done.err) == (0, "", "")
    assert (tmp_path / "out.img").read_bytes() == disk.read_bytes()
    assert f"Range: bytes={have}-\r\n".encode() in cutter.requests[1]
    assert b'If-Range: "' in cutter.requests[1]
    assert list(tmp_path.glob("out.img.*")) == []


@pytest.mark.slow
def test_a_save_of_256_mib_is_resumed_at_ten_random_points(glancelite, name, cutter, tmp_path):
    big = tmp_path / "big.img"
    seed = random.randrange(1 << 32)
    points = random.Random(seed)
    print(f"seed {seed}")
    with big.open("wb") as stream:
        stream.truncate(256 * MIB)
        for _ in range(12):
            stream.seek(points.randrange(255 * MIB))
            stream.write(points.randbytes(MIB))
    whole = digest_of(big)
    made = glancelite("image", "create", name, "--file", big, "--disk-format", "raw")
    assert made.code == 0, made.err

    for number in range(10):
        cut = points.randrange(1_000, 256 * MIB)
        print(f"cut {number} at {cut}")
        cutter.cuts = [cut]
        words = ["image", "save", name, "--file", "out.img", "--resume", *(["--sparse"] if number % 2 else [])]

        assert glancelite(*words, OS_ENDPOINT=cutter.url).code == 1
        assert abs((tmp_path / "out.img.part").stat().st_size - cut) < 2_000
        resumed = glancelite(*words, OS_ENDPOINT=cutter.url)

        assert (resumed.code, resumed.err) == (0, "")
        assert digest_of(tmp_path / "out.img") == whole
        if number % 2:
            assert (tmp_path / "out.img").stat().st_blocks * 512 < 40 * MIB
        (tmp_path / "out.img").unlink()


def test_what_is_whole_already_is_only_checked(glancelite, image, disk, cutter, tmp_path):
    words = ["image", "save", image, "--file", "out.img", "--resume"]
    cutter.cuts = [2_000_000]
    glancelite(*words, OS_ENDPOINT=cutter.url)
    (tmp_path / "out.img.part").write_bytes(disk.read_bytes())

    done = glancelite(*words, OS_ENDPOINT=cutter.url)

    assert done.code == 0
    assert len(cutter.requests) == 1
    assert (tmp_path / "out.img").read_bytes() == disk.read_bytes()


def test_a_sparse_part_that_ends_with_a_hole_is_gone_on_with_behind_it(glancelite, name, cutter, tmp_path):
    content = b"begin" + bytes(3 * MIB) + b"end"
    glancelite("image", "create", name, stdin=content)
    words = ["image", "save", name, "--file", "out.img", "--resume", "--sparse"]
    cutter.cuts = [2_000_000]

    glancelite(*words, OS_ENDPOINT=cutter.url)

    assert (tmp_path / "out.img.part").stat().st_size > 1_990_000
    assert glancelite(*words, OS_ENDPOINT=cutter.url).code == 0
    assert (tmp_path / "out.img").read_bytes() == content


def test_without_resume_nothing_is_left_of_a_cut_save(glancelite, image, cutter, tmp_path):
    cutter.cuts = [1_500_000]

    done = glancelite("image", "save", image, "--file", "out.img", OS_ENDPOINT=cutter.url)

    assert done.code == 1
    assert list(tmp_path.glob("out.img*")) == []


def test_a_part_that_was_damaged_meanwhile_is_found_by_the_hash(glancelite, image, cutter, tmp_path):
    words = ["image", "save", image, "--file", "out.img", "--resume"]
    cutter.cuts = [1_500_000]
    glancelite(*words, OS_ENDPOINT=cutter.url)
    with (tmp_path / "out.img.part").open("r+b") as part:
        part.write(b"other bytes")

    done = glancelite(*words, OS_ENDPOINT=cutter.url)

    assert done.code == 1
    assert "the data's sha512 is" in done.err
    assert list(tmp_path.glob("out.img*")) == []


# What has changed -----------------------------------------------------------------------------------------------------


def leave_part(tmp_path, data, **known):
    (tmp_path / "out.img.part").write_bytes(data)
    fields = {name: record()[name] for name in ("id", "size", "os_hash_algo", "os_hash_value", "checksum")}
    (tmp_path / "out.img.part.json").write_text(json.dumps(fields | {"etag": '"1"'} | known))


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"os_hash_value": "0" * 128}, f"Image {ID} has changed since "),
        ({"size": 5}, f"Image {ID} has changed since "),
        ({"id": "other"}, f"Image other and not {ID} was being saved when "),
    ],
)
def test_an_image_that_has_changed_is_noticed_and_saved_from_the_beginning(glancelite, canned, tmp_path, known, said):
    canned.answers["GET", f"/v2/images/{ID}"] = (200, {}, record())
    canned.answers["GET", f"/v2/images/{ID}/file"] = (200, {"ETag": '"1"'}, DATA)
    leave_part(tmp_path, b"old", **known)

    done = glancelite("image", "save", ID, "--file", "out.img", "--resume", OS_ENDPOINT=canned.url)

    assert done.code == 0
    assert done.err == f"{said}{tmp_path}/out.img.part was cut off: it is saved from the beginning.\n"
    assert (tmp_path / "out.img").read_bytes() == DATA
    assert "Range" not in canned.requests[-1][2]


@pytest.mark.parametrize("status", [200, 206])
def test_data_of_another_etag_is_not_put_behind_what_is_there(glancelite, canned, tmp_path, status):
    """A service that answers If-Range with all of it, and one that does not know If-Range."""

    def answer(handler):
        start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        part = status == 206 and start
        headers = {"Content-Range": f"bytes {start}-{len(DATA) - 1}/{len(DATA)}"} if part else {}
        handler.say(206 if part else 200, {"ETag": '"2"', **headers}, DATA[start:] if part else DATA)

    canned.answers["GET", f"/v2/images/{ID}"] = (200, {}, record())
    canned.answers["GET", f"/v2/images/{ID}/file"] = answer
    leave_part(tmp_path, b"x" * 500)

    done = glancelite("image", "save", ID, "--file", "out.img", "--resume", OS_ENDPOINT=canned.url)

    assert done.code == 0
    assert done.err.startswith(f"Image {ID} has changed since")
    assert (tmp_path / "out.img").read_bytes() == DATA


def test_a_service_that_sends_no_parts_is_told_of(glancelite, canned, tmp_path):
    canned.answers["GET", f"/v2/images/{ID}"] = (200, {}, record())
    canned.answers["GET", f"/v2/images/{ID}/file"] = (200, {}, DATA)
    leave_part(tmp_path, DATA[:500])

    done = glancelite("image", "save", ID, "--file", "out.img", "--resume", OS_ENDPOINT=canned.url)

    assert (done.code, "The service does not go on where" in done.err) == (0, True)
    assert (tmp_path / "out.img").read_bytes() == DATA


def test_a_part_of_unknown_origin_is_written_anew(glancelite, canned, tmp_path):
    canned.answers["GET", f"/v2/images/{ID}"] = (200, {}, record())
    canned.answers["GET", f"/v2/images/{ID}/file"] = (200, {}, DATA)
    (tmp_path / "out.img.part").write_bytes(b"what is this?" * 20_000)

    done = glancelite("image", "save", ID, "--file", "out.img", "--resume", OS_ENDPOINT=canned.url)

    assert (done.code, "It is not known what" in done.err) == (0, True)
    assert (tmp_path / "out.img").read_bytes() == DATA


def test_an_image_made_anew_under_the_name_is_noticed(glancelite, image, name, cutter, tmp_path):
    words = ["image", "save", name, "--file", "out.img", "--resume"]
    cutter.cuts = [1_500_000]
    glancelite(*words, OS_ENDPOINT=cutter.url)
    glancelite("image", "delete", image)
    new = os.urandom(2_000_000)
    other = glancelite("image", "create", name, "-f", "value", "-c", "id", stdin=new).out.strip()

    done = glancelite(*words, OS_ENDPOINT=cutter.url)

    assert done.code == 0
    assert f"Image {image} and not {other} was being saved when" in done.err
    assert (tmp_path / "out.img").read_bytes() == new


# Trying again by itself -----------------------------------------------------------------------------------------------


def test_retries_go_on_where_the_line_broke_even_into_a_pipe(glancelite, image, disk, cutter):
    cutter.cuts = [800_000, 900_000]

    done = glancelite("image", "save", image, "--retries", "2", OS_ENDPOINT=cutter.url)

    assert (done.code, done.data == disk.read_bytes()) == (0, True)
    assert done.err.count("Trying again in") == 2
    assert b"Range: bytes=" in cutter.requests[2]


def test_no_more_is_tried_than_was_said(glancelite, image, cutter, tmp_path):
    cutter.cuts = [800_000, 900_000]

    done = glancelite("image", "save", image, "--file", "out.img", OS_ENDPOINT=cutter.url, GLANCELITE_RETRIES="1")

    assert (done.code, len(cutter.requests)) == (1, 2)


# Where it goes --------------------------------------------------------------------------------------------------------


def test_zeros_become_holes_and_the_bytes_stay_the_same(glancelite, name, tmp_path):
    content = bytes(3 * MIB) + os.urandom(5_000) + bytes(2 * MIB + 77) + b"end" + bytes(MIB)
    (tmp_path / "in.img").write_bytes(content)
    glancelite("image", "create", name, "--file", "in.img")

    assert glancelite("image", "save", name, "--file", "sparse.img", "--sparse", "--chunk-size", "300001").code == 0
    assert glancelite("image", "save", name, "--file", "plain.img").code == 0

    assert (tmp_path / "sparse.img").read_bytes() == (tmp_path / "plain.img").read_bytes() == content
    assert (tmp_path / "sparse.img").stat().st_blocks * 512 <= 40_000
    assert (tmp_path / "plain.img").stat().st_blocks * 512 >= len(content)


@pytest.mark.parametrize("words", [["--resume"], ["--sparse"], ["--resume", "--file", "-"]])
def test_resume_and_sparse_need_a_file(glancelite, image, words):
    done = glancelite("image", "save", image, *words)

    assert (done.code, "--resume, --sparse and --decompress need --file." in done.err) == (2, True)


def test_a_preferred_store_is_asked_for(glancelite, canned, tmp_path):
    canned.answers["GET", f"/v2/images/{ID}"] = (200, {}, record())
    canned.answers["GET", f"/v2/images/{ID}/file"] = (200, {}, DATA)
    words = ["--store-preference", "fast", "--store-preference", "slow"]

    assert glancelite("image", "save", ID, *words, OS_ENDPOINT=canned.url).data == DATA
    assert canned.requests[-1][1] == f"/v2/images/{ID}/file?prefer=fast%2Cslow"


@pytest.mark.slow
def test_a_service_of_several_stores_reads_from_the_preferred_one(glancelite, name, disk, tmp_path):
    settings = {"ENABLED_BACKENDS": "fast:file,slow:file", "GLANCE_STORE_DEFAULT_BACKEND": "fast"}
    with running(make_service(tmp_path / "data", auth="none", **settings)) as service:
        there = {"OS_ENDPOINT": service.url}
        glancelite("image", "create", name, "--file", disk, "--store", "slow", **there)

        saved = glancelite("image", "save", name, "--store-preference", "slow", **there)
        nowhere = glancelite("image", "save", name, "--store-preference", "none", **there)

    assert saved.data == disk.read_bytes()
    assert (nowhere.code, "there is no store 'none'" in nowhere.err) == (1, True)


@needs_mount
@pytest.mark.parametrize("more", [[], ["--resume"]], ids=["plain", "resume"])
def test_a_full_disk_is_said(glancelite, name, small_disk, tmp_path, more):  # noqa: F811 - the fixture
    big = tmp_path / "big.img"
    content = os.urandom(MIB) * 32
    big.write_bytes(content)
    glancelite("image", "create", name, "--file", big)
    target = small_disk / "out.img"

    done = glancelite("image", "save", name, "--file", target, *more)

    assert done.code == 1
    assert done.err.endswith(f"Error: Cannot write {target}: No space left on device.\n")
    assert not target.exists()
    assert (small_disk / "out.img.part").exists() is bool(more)


def test_a_pipe_that_closes_in_the_middle_ends_with_141(environ, glancelite, name, tmp_path):
    big = tmp_path / "big.img"
    big.write_bytes(os.urandom(MIB) * 16)
    glancelite("image", "create", name, "--file", big)

    process = subprocess.Popen(
        command("image", "save", name, "--progress"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ
    )
    assert process.stdout is not None and process.stderr is not None
    assert len(process.stdout.read(5_000_000)) == 5_000_000
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()

    assert (process.wait(20), err) == (141, b"")
