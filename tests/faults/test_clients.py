"""Clients that vanish, stall or stop in the middle of an upload, and a server that is told to stop meanwhile."""

import os
import signal
from collections.abc import Callable

import pytest
from faults.rig import BLOCK, RawUpload, Rig, eventually, in_background

GOOD = os.urandom(BLOCK + 3)

FRAMINGS = pytest.mark.parametrize("length", [3 * BLOCK, None], ids=["length", "chunked"])


def begin(rig: Rig, length: int | None) -> tuple[str, RawUpload]:
    """A new image's id and an upload that has got half-way."""
    image = rig.api.create()
    upload = RawUpload(rig.api, image["id"], length)
    upload.send(bytes(BLOCK))
    upload.send(bytes(BLOCK // 2))
    rig.wait_status(image["id"], "saving")
    eventually(lambda: rig.files() - rig.live_keys(), what="a file of the upload")
    return image["id"], upload


def assert_as_before(rig: Rig, image_id: str) -> None:
    rig.wait_status(image_id, "queued")
    rig.assert_nothing_left()
    rig.assert_takes_upload(image_id, GOOD)


@FRAMINGS
def test_a_client_that_vanishes_half_way_leaves_nothing(shared_rig: Rig, length: int | None) -> None:
    image_id, upload = begin(shared_rig, length)

    upload.vanish()

    assert_as_before(shared_rig, image_id)


def test_a_chunked_body_without_its_last_chunk_is_no_image(shared_rig: Rig) -> None:
    image_id, upload = begin(shared_rig, None)

    upload.socket.shutdown(1)  # all has been sent, as far as this client is concerned

    assert upload.status() in (0, 400)
    assert_as_before(shared_rig, image_id)


def test_a_body_shorter_than_its_length_is_no_image(shared_rig: Rig) -> None:
    image_id, upload = begin(shared_rig, 3 * BLOCK)

    upload.socket.shutdown(1)

    assert upload.status() in (0, 400)
    assert_as_before(shared_rig, image_id)


def test_a_client_that_sends_nothing_at_all_leaves_nothing(shared_rig: Rig) -> None:
    image = shared_rig.api.create()
    upload = RawUpload(shared_rig.api, image["id"], BLOCK)
    shared_rig.wait_status(image["id"], "saving")

    upload.vanish()

    assert_as_before(shared_rig, image["id"])


@FRAMINGS
def test_a_client_that_falls_silent_is_not_waited_for(start_rig: Callable[..., Rig], length: int | None) -> None:
    rig = start_rig(SERVER_BODY_IDLE_TIMEOUT="0.5")
    image_id, upload = begin(rig, length)

    answer = upload.answer()  # without having sent the rest

    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 408 ")), answer
    assert_as_before(rig, image_id)


@pytest.mark.parametrize("length", [3 * BLOCK, pytest.param(None, marks=pytest.mark.slow)], ids=["length", "chunked"])
def test_a_server_told_to_stop_completes_the_upload_first(start_rig: Callable[..., Rig], length: int | None) -> None:
    rig = start_rig()
    image_id, upload = begin(rig, length)
    process = rig.service.api.process
    assert process is not None

    process.send_signal(signal.SIGTERM)
    eventually(lambda: is_refusing(rig), what="a server that takes no new callers")
    upload.send(bytes(BLOCK + BLOCK // 2))
    if length is None:
        upload.end()

    assert upload.status() == 204
    assert process.wait(30) == 0
    rig.service.api.process = None
    rig.service.start()
    rig.assert_holds(image_id, bytes(3 * BLOCK))
    rig.assert_clean()


def test_an_upload_that_outlasts_the_patience_of_a_stopping_server_leaves_nothing(
    start_rig: Callable[..., Rig],
) -> None:
    rig = start_rig(SERVER_GRACEFUL_TIMEOUT="0.3")
    image_id, upload = begin(rig, 3 * BLOCK)

    assert rig.service.stop() == [0]

    assert upload.status() != 204
    assert rig.files() == set()
    rig.service.start()
    assert_as_before(rig, image_id)


def test_a_second_try_may_follow_at_once(shared_rig: Rig) -> None:
    image_id, upload = begin(shared_rig, 3 * BLOCK)
    upload.vanish()
    shared_rig.wait_status(image_id, "queued")

    second = in_background(shared_rig.api.upload, image_id, GOOD)

    assert second.result(30).status == 204
    shared_rig.assert_holds(image_id, GOOD)


def is_refusing(rig: Rig) -> bool:
    try:
        RawUpload(rig.api, "none", 0).vanish()
    except ConnectionError:
        return True
    return False
