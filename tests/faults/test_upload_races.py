"""Several requests about one image at once, and processes that are away for a while: one wins, nothing is mixed."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.rig import BLOCK, LEASE, RawUpload, Rig, eventually, in_background

GOOD = b"a good upload, after all"


@pytest.mark.parametrize("rivals", [2, 8])
def test_of_several_uploads_to_one_image_exactly_one_wins(shared_rig: Rig, rivals: int) -> None:
    image = shared_rig.api.create()
    bodies = [os.urandom(BLOCK + number) for number in range(rivals)]

    replies = [one.result(60) for one in [in_background(shared_rig.api.upload, image["id"], body) for body in bodies]]

    statuses = [reply.status for reply in replies]
    assert sorted(statuses) == [204] + [409] * (rivals - 1)
    shared_rig.assert_holds(image["id"], bodies[statuses.index(204)])
    shared_rig.assert_nothing_left()


def test_whoever_comes_while_another_uploads_is_told_of_the_conflict(shared_rig: Rig) -> None:
    image = shared_rig.api.create()
    first = RawUpload(shared_rig.api, image["id"], 2 * BLOCK)
    first.send(bytes(BLOCK))
    shared_rig.wait_status(image["id"], "saving")

    late = shared_rig.api.upload(image["id"], GOOD)

    assert late.status == 409
    assert image["id"] in late.json["message"]
    first.send(bytes(BLOCK))
    assert first.status() == 204
    shared_rig.assert_holds(image["id"], bytes(2 * BLOCK))


@pytest.mark.parametrize("length", [2 * BLOCK, None], ids=["length", "chunked"])
def test_an_upload_whose_image_is_deleted_half_way_is_told_that_it_is_gone(shared_rig: Rig, length: int | None) -> None:
    image = shared_rig.api.create()
    upload = RawUpload(shared_rig.api, image["id"], length)
    upload.send(bytes(BLOCK))
    shared_rig.wait_status(image["id"], "saving")
    eventually(lambda: shared_rig.files() - shared_rig.live_keys())

    assert shared_rig.api.delete(f"/v2/images/{image['id']}").status == 204
    upload.send(bytes(BLOCK))
    if length is None:
        upload.end()

    answer = upload.answer()
    assert answer.startswith(b"HTTP/1.1 410 "), answer
    assert image["id"].encode() in answer
    assert shared_rig.api.get(f"/v2/images/{image['id']}").status == 404
    shared_rig.assert_nothing_left()


STEPS = ("before-first-byte", "half-way", "before-fsync", "before-rename", "before-directory-fsync", "before-commit")


@pytest.mark.parametrize("step", STEPS)
def test_a_delete_at_any_step_of_an_upload_leaves_nothing(shared_rig: Rig, step: str) -> None:
    image = shared_rig.api.create()
    shared_rig.arm("block", step)
    upload = in_background(shared_rig.api.upload, image["id"], bytes(2 * BLOCK))
    shared_rig.wait_reached()

    assert shared_rig.api.delete(f"/v2/images/{image['id']}").status == 204
    shared_rig.go()

    assert upload.result(30).status == 410
    shared_rig.assert_nothing_left()


def test_a_delete_right_after_the_commit_finds_the_data_and_drops_it(shared_rig: Rig) -> None:
    image = shared_rig.api.create()
    shared_rig.arm("block", "after-commit")
    upload = in_background(shared_rig.api.upload, image["id"], bytes(2 * BLOCK))
    shared_rig.wait_reached()

    assert shared_rig.api.delete(f"/v2/images/{image['id']}").status == 204
    shared_rig.go()

    assert upload.result(30).status == 204
    shared_rig.assert_nothing_left()


# Processes that are away ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "how_long"),
    [
        ("half-way", "the first unlink"),
        ("before-rename", "the last unlink"),
        ("before-commit", "the first unlink"),
        *(
            pytest.param(step, "the first unlink", marks=pytest.mark.slow)
            for step in STEPS
            if step[-3:] in ("yte", "ync")
        ),
        *(pytest.param(step, "the last unlink", marks=pytest.mark.slow) for step in STEPS if step != "before-rename"),
    ],
)
def test_an_upload_paused_beyond_its_lease_is_refused_when_it_goes_on(
    start_rig: Callable[..., Rig], step: str, how_long: str
) -> None:
    rig = start_rig(workers=2)
    image = rig.api.create()
    rig.arm("stop", step)
    upload = in_background(rig.api.upload, image["id"], bytes(2 * BLOCK))
    rig.wait_reached()
    asleep = sleeper(rig)
    try:
        wait_rows(rig, "SELECT 1 FROM images WHERE status = 'queued'", "the image given back by the other worker")
        left = "NOT is_unlinked" if how_long == "the first unlink" else "state != 'live'"
        wait_rows(rig, f"SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM blobs WHERE {left})", how_long)
    finally:
        os.kill(asleep, signal.SIGCONT)

    assert upload.result(30).status in (409, 410)
    rig.assert_nothing_left()
    rig.assert_takes_upload(image["id"], GOOD)
    rig.assert_clean()


def test_an_upload_paused_for_less_than_its_lease_goes_on(start_rig: Callable[..., Rig]) -> None:
    rig = start_rig(workers=2, REGISTRY_LEASE_SECONDS="20")
    image = rig.api.create()
    rig.arm("stop", "half-way")
    upload = in_background(rig.api.upload, image["id"], bytes(2 * BLOCK))
    rig.wait_reached()

    os.kill(sleeper(rig), signal.SIGCONT)

    assert upload.result(30).status == 204
    rig.assert_holds(image["id"], bytes(2 * BLOCK))


def test_another_may_upload_while_one_is_paused_and_keeps_what_it_stored(start_rig: Callable[..., Rig]) -> None:
    rig = start_rig(workers=2)
    image = rig.api.create()
    rig.arm("stop", "before-commit")
    upload = in_background(rig.api.upload, image["id"], bytes(2 * BLOCK))
    rig.wait_reached()
    asleep = sleeper(rig)
    try:
        wait_rows(rig, "SELECT 1 FROM images WHERE status = 'queued'", "the image given back")
        reply = rig.api.upload(image["id"], GOOD)
    finally:
        os.kill(asleep, signal.SIGCONT)

    assert reply.status == 204
    assert upload.result(30).status == 409
    rig.assert_holds(image["id"], GOOD)
    rig.wait_only_live()
    rig.assert_clean()


def test_a_killed_worker_s_upload_is_cleared_by_the_other(start_rig: Callable[..., Rig]) -> None:
    rig = start_rig(workers=2)
    image = rig.api.create()
    rig.arm("stop", "half-way")
    upload = in_background(rig.api.upload, image["id"], bytes(2 * BLOCK))
    rig.wait_reached()

    os.kill(sleeper(rig), signal.SIGKILL)

    assert upload.exception(30) is not None
    rig.wait_status(image["id"], "queued")
    rig.wait_only_live()
    rig.assert_takes_upload(image["id"], GOOD)
    rig.assert_clean()


def sleeper(rig: Rig) -> int:
    """The worker that has stopped itself."""

    def find() -> int | None:
        assert rig.service.api.process is not None
        master = rig.service.api.process.pid
        for child in Path(f"/proc/{master}/task/{master}/children").read_text().split():
            if Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "T":
                return int(child)
        return None

    return int(eventually(find, what="a stopped worker"))


def wait_rows(rig: Rig, statement: str, what: str) -> None:
    eventually(lambda: rig.rows(statement), 6 * LEASE + 6, what)
