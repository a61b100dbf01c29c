"""Imports that meet each other, uploads, changes and deletes; and processes that are away, or end, in the middle."""

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fakes.remote import Part, Remote, answer
from faults.rig import BLOCK, STAGING, THREE_STORES, RawUpload, Rig, eventually, in_background
from faults.test_upload_races import sleeper

pytestmark = pytest.mark.slow

DATA = os.urandom(2 * BLOCK + 99)
OTHER_DATA = os.urandom(BLOCK + 17)
METHODS = ("glance-direct", "web-download", "copy-image")
BOTH = {"stores": ["fast", "slow"]}
WITH_WEB = THREE_STORES | {"ENABLED_BACKENDS": THREE_STORES["ENABLED_BACKENDS"] + ",web:http"}
DELETED = "The image was deleted."


def page_of(remote: Remote, *parts: Part) -> str:
    """The URL of a page with the data, in these parts or in one."""
    head = answer(DATA)[: -len(DATA)]
    remote.pages["/image"] = (head, *parts) if parts else answer(DATA)
    return remote.url("/image")


def prepare(rig: Rig, method: str) -> str:
    """An image that is ready for this import."""
    if method == "copy-image":
        return str(rig.api.create_with(DATA)["id"])
    image_id = str(rig.api.create()["id"])
    if method == "glance-direct":
        assert rig.stage(image_id, DATA).status == 204
    return image_id


def ask(rig: Rig, remote: Remote, method: str, image_id: str) -> int:
    more: dict[str, Any] = {"stores": ["slow", "spare"]} if method == "copy-image" else BOTH
    uri = {"uri": remote.url("/image")} if method == "web-download" else {}
    return rig.ask_import(image_id, method, **uri, **more).status


def outcome(rig: Rig, image_id: str) -> str:
    ((status, _),) = rig.wait_ended(image_id)
    return status


# Several at once ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_of_many_imports_at_once_exactly_one_begins(import_rig: Rig, remote: Remote, method: str) -> None:
    rig = import_rig
    page_of(remote)
    image_id = prepare(rig, method)

    asked = [in_background(ask, rig, remote, method, image_id) for _ in range(8)]

    statuses = [one.result(60) for one in asked]
    assert statuses.count(202) == 1, statuses
    # Who asks for a copy when it is done already, is told that it is there.
    assert set(statuses) - {202, 400 if method == "copy-image" else 409} <= {409}, statuses
    assert outcome(rig, image_id) == "success"
    rig.assert_holds(image_id, DATA)
    rig.assert_at_rest()


@pytest.mark.parametrize("tries", [3])
def test_of_an_import_and_an_upload_at_once_one_wins(import_rig: Rig, remote: Remote, tries: int) -> None:
    rig = import_rig
    page_of(remote)
    for _ in range(tries):
        image_id = prepare(rig, "web-download")
        upload = in_background(rig.api.upload, image_id, OTHER_DATA)
        asked = in_background(ask, rig, remote, "web-download", image_id)

        statuses = (asked.result(60), upload.result(60).status)

        assert statuses in ((202, 409), (409, 204))
        rig.wait_ended(image_id)
        rig.assert_holds(image_id, DATA if statuses[0] == 202 else OTHER_DATA)
    rig.assert_at_rest()


def test_whoever_comes_while_an_import_runs_is_told_of_the_conflict(import_rig: Rig, remote: Remote) -> None:
    rig = import_rig
    page_of(remote)
    image_id = prepare(rig, "web-download")
    rig.arm("block", f"half-way@{STAGING}")
    assert ask(rig, remote, "web-download", image_id) == 202
    rig.wait_reached()

    assert rig.api.upload(image_id, OTHER_DATA).status == 409
    assert rig.stage(image_id, OTHER_DATA).status == 409
    assert ask(rig, remote, "web-download", image_id) == 409
    rig.go()
    assert outcome(rig, image_id) == "success"
    rig.assert_holds(image_id, DATA)


def test_an_import_during_an_upload_is_refused(import_rig: Rig, remote: Remote) -> None:
    rig = import_rig
    page_of(remote)
    image_id = prepare(rig, "web-download")
    upload = RawUpload(rig.api, image_id, len(OTHER_DATA))
    upload.send(OTHER_DATA[:BLOCK])
    rig.wait_status(image_id, "saving")

    assert ask(rig, remote, "web-download", image_id) == 409
    assert rig.stage(image_id, DATA).status == 409

    upload.send(OTHER_DATA[BLOCK:])
    assert upload.status() == 204
    rig.assert_holds(image_id, OTHER_DATA)


def test_data_is_staged_once(import_rig: Rig, remote: Remote) -> None:
    rig = import_rig
    image_id = str(rig.api.create()["id"])
    bodies = [os.urandom(BLOCK + number) for number in range(4)]

    statuses = [one.result(60).status for one in [in_background(rig.stage, image_id, body) for body in bodies]]

    assert sorted(statuses) == [204] + [409] * 3
    assert rig.stage(image_id, OTHER_DATA).status == 409
    assert rig.api.upload(image_id, OTHER_DATA).status == 409
    assert ask(rig, remote, "glance-direct", image_id) == 202
    assert outcome(rig, image_id) == "success"
    rig.assert_holds(image_id, bodies[statuses.index(204)])
    rig.assert_at_rest()


def test_data_that_is_still_being_staged_is_not_imported(import_rig: Rig, remote: Remote) -> None:
    rig = import_rig
    image_id = str(rig.api.create()["id"])
    rig.arm("block", f"half-way@{STAGING}")
    staging = in_background(rig.stage, image_id, DATA)
    rig.wait_reached()

    early = ask(rig, remote, "glance-direct", image_id)
    rig.go()

    assert (early, staging.result(30).status) == (409, 204)
    assert ask(rig, remote, "glance-direct", image_id) == 202
    assert outcome(rig, image_id) == "success"
    rig.assert_holds(image_id, DATA)
    rig.assert_at_rest()


# Deletes --------------------------------------------------------------------------------------------------------------

COPYING = tuple(f"{step}@slow" for step in ("before-begin", "after-begin", "half-way", "before-rename", "before-copy"))
FETCHING = tuple(f"{step}@{STAGING}" for step in ("before-begin", "after-begin", "half-way", "before-rename"))
DELETES = (
    *(("stage", step) for step in (*FETCHING[1:], "before-park")),
    *(("glance-direct", step) for step in ("after-claim", *COPYING, "after-copy@slow", "before-finish")),
    *(("web-download", step) for step in ("after-claim", *FETCHING, "before-park", "after-park")),
    *(("copy-image", step) for step in (*COPYING, "before-finish")),
)
QUICK = (("stage", "before-park"), ("glance-direct", "before-copy@slow"), ("web-download", FETCHING[2]), DELETES[-1])


@pytest.mark.parametrize(
    ("doing", "step"),
    [pytest.param(*case, marks=() if case in QUICK else (pytest.mark.slow,)) for case in DELETES],
)
def test_a_delete_at_any_step_leaves_nothing(import_rig: Rig, remote: Remote, doing: str, step: str) -> None:
    rig = import_rig
    page_of(remote)
    image_id = prepare(rig, doing)
    rig.arm("block", step)
    staging = in_background(rig.stage, image_id, DATA) if doing == "stage" else None
    if staging is None:
        assert ask(rig, remote, doing, image_id) == 202
    rig.wait_reached()

    assert rig.api.delete(f"/v2/images/{image_id}").status == 204
    rig.go()

    if staging is not None:
        assert staging.result(30).status == 410
    else:
        assert rig.wait_ended(image_id) == [("failure", DELETED)]
    assert rig.api.get(f"/v2/images/{image_id}").status == 404
    assert not any(rig.rows(f"SELECT 1 FROM blobs WHERE image_id = '{image_id}' AND state != 'dropping'"))
    rig.assert_at_rest()


# Changes --------------------------------------------------------------------------------------------------------------


def test_no_change_of_properties_is_lost_during_an_import(import_rig: Rig, remote: Remote) -> None:
    rig = import_rig
    done = threading.Event()
    page_of(remote, DATA[:BLOCK], lambda ended: done.wait(20), DATA[BLOCK:])
    image_id = prepare(rig, "web-download")
    assert ask(rig, remote, "web-download", image_id) == 202

    def enter(writer: int) -> None:
        for number in range(5):
            change = [{"op": "add", "path": f"/p{writer}-{number}", "value": "1"}]
            while (reply := rig.api.patch(image_id, change)).status == 409:
                assert "try again" in reply.json["message"]
            assert reply.status == 200, reply.text

    for one in [in_background(enter, writer) for writer in range(8)]:
        one.result(60)
    lock = rig.api.show(image_id)["os_glance_import_task"]
    for change in (
        {"op": "add", "path": "/os_glance_import_task", "value": "mine"},
        {"op": "replace", "path": "/os_glance_import_task", "value": "mine"},
        {"op": "remove", "path": "/os_glance_import_task"},
        {"op": "add", "path": "/os_glance_importing_to_stores", "value": ""},
    ):
        for api in (rig.api, rig.api.as_admin()):
            assert api.patch(image_id, [change]).status == 403
    assert rig.api.show(image_id)["os_glance_import_task"] == lock
    done.set()

    assert outcome(rig, image_id) == "success"
    image = rig.api.show(image_id)
    assert {f"p{writer}-{number}" for writer in range(8) for number in range(5)} <= image.keys()
    assert "os_glance_import_task" not in image and "os_glance_import_progress" not in image
    rig.assert_holds(image_id, DATA)


def test_the_first_copy_may_be_taken_out_while_others_are_made(import_rig: Rig, remote: Remote) -> None:
    rig = import_rig
    image_id = prepare(rig, "copy-image")
    rig.arm("block", "half-way@spare")
    assert ask(rig, remote, "copy-image", image_id) == 202
    rig.wait_reached()

    assert rig.api.as_admin().delete(f"/v2/stores/fast/{image_id}").status == 204
    assert rig.api.as_admin().delete(f"/v2/stores/spare/{image_id}").status == 404
    rig.go()

    assert outcome(rig, image_id) == "success"
    assert rig.api.show(image_id)["stores"] == "slow,spare"
    rig.assert_holds(image_id, DATA)
    rig.assert_at_rest()


def test_a_copy_that_fails_does_not_take_the_last_data_with_it(import_rig: Rig, remote: Remote) -> None:
    rig = import_rig
    image_id = prepare(rig, "copy-image")
    rig.arm("block", "before-begin@spare")
    assert ask(rig, remote, "copy-image", image_id) == 202
    rig.wait_reached()

    assert rig.api.as_admin().delete(f"/v2/stores/fast/{image_id}").status == 204
    rig.arm_and_go("fail", "half-way@spare")

    assert outcome(rig, image_id) == "failure"
    assert rig.api.show(image_id)["stores"] == "slow"
    rig.assert_holds(image_id, DATA)
    rig.assert_at_rest()


@pytest.mark.parametrize("step", ["after-claim", "half-way@slow", "before-copy@slow", "before-begin@spare"])
def test_an_image_that_is_deactivated_during_a_copy_stays_so_and_whole(
    import_rig: Rig, remote: Remote, step: str
) -> None:
    rig = import_rig
    image_id = prepare(rig, "copy-image")
    rig.arm("block", step)
    assert ask(rig, remote, "copy-image", image_id) == 202
    rig.wait_reached()

    assert rig.api.as_admin().post(f"/v2/images/{image_id}/actions/deactivate", None).status == 204
    rig.go()

    rig.wait_ended(image_id)
    assert rig.status(image_id) == "deactivated"
    assert rig.api.as_admin().post(f"/v2/images/{image_id}/actions/reactivate", None).status == 204
    rig.assert_holds(image_id, DATA)
    left = sorted({"slow", "spare"} - set(rig.api.show(image_id)["stores"].split(",")))
    if left:
        assert rig.ask_import(image_id, "copy-image", stores=left).status == 202
        assert [how for how, _ in rig.wait_ended(image_id)][-1] == "success"
    assert sorted(rig.api.show(image_id)["stores"].split(",")) == ["fast", "slow", "spare"]
    rig.assert_at_rest()


# Ends in order --------------------------------------------------------------------------------------------------------


def drip(ended: threading.Event) -> None:
    ended.wait(0.3)


def silence(ended: threading.Event) -> None:
    ended.wait(60)


@pytest.mark.parametrize("how", ["slow", "silent", "not answering"])
def test_a_service_that_is_told_to_stop_does_not_wait_for_an_import(
    start_rig: Callable[..., Rig], remote: Remote, how: str
) -> None:
    rig = start_rig(**THREE_STORES)
    step = len(DATA) // 40
    pieces = [DATA[at : at + step] for at in range(0, len(DATA), step)]
    parts: Iterator[Part] | list[Part] = [part for piece in pieces for part in (piece, drip)]
    page_of(remote, *(parts if how == "slow" else (DATA[:BLOCK], silence)))
    if how == "not answering":
        remote.pages["/image"] = [silence]
    image_id = prepare(rig, "web-download")
    assert ask(rig, remote, "web-download", image_id) == 202
    eventually(lambda: remote.asked, what="the fetching")
    time.sleep(0.5)

    began = time.monotonic()
    assert rig.service.api.stop() == 0
    assert time.monotonic() - began < 8

    assert [one for one, _ in rig.tasks(image_id)] == ["processing"]
    page_of(remote)
    rig.service.api.start()
    assert outcome(rig, image_id) == "success"
    rig.assert_holds(image_id, DATA)
    rig.assert_at_rest()


# Processes that are away ----------------------------------------------------------------------------------------------

AWAY = (
    ("web-download", f"half-way@{STAGING}"), ("web-download", f"before-rename@{STAGING}"),
    ("web-download", "before-park"), ("glance-direct", "after-claim"), ("glance-direct", "before-begin@fast"),
    ("glance-direct", "half-way@fast"), ("glance-direct", "before-copy@slow"), ("glance-direct", "before-report"),
    ("glance-direct", "before-finish"), ("copy-image", "half-way@slow"), ("copy-image", "before-finish"),
)  # fmt: skip
QUICK_AWAY = (AWAY[0], AWAY[6])


@pytest.mark.parametrize(
    ("method", "step"), [pytest.param(*case, marks=() if case in QUICK_AWAY else (pytest.mark.slow,)) for case in AWAY]
)
def test_who_was_away_beyond_the_lease_does_not_touch_the_image_any_more(
    start_rig: Callable[..., Rig], remote: Remote, method: str, step: str
) -> None:
    rig = start_rig(workers=2, **THREE_STORES)
    page_of(remote)
    image_id = prepare(rig, method)
    rig.arm("stop", step)
    assert ask(rig, remote, method, image_id) == 202
    rig.wait_reached()
    asleep = sleeper(rig)
    try:
        assert outcome(rig, image_id) == "success"
        found = look(rig, image_id)
    finally:
        os.kill(asleep, signal.SIGCONT)

    wait_let_go(rig)
    assert look(rig, image_id) == found
    rig.assert_holds(image_id, DATA)
    rig.assert_at_rest()


def wait_let_go(rig: Rig) -> None:
    """Until the one who was away has heard that the task is another's."""
    log = rig.service.api.log
    eventually(lambda: re.search(r"task \S+ is (left to others|put off)", log.read_text()), what="a task let go")


def look(rig: Rig, image_id: str) -> list[Any]:
    """All that is known of an image."""
    return [
        rig.rows(f"SELECT * FROM images WHERE id = '{image_id}'"),
        rig.rows(f"SELECT * FROM locations WHERE image_id = '{image_id}' ORDER BY position"),
        rig.rows(f"SELECT * FROM tasks WHERE image_id = '{image_id}'"),
    ]


@pytest.mark.parametrize("step", ["after-size", "before-finish"])
def test_who_was_away_while_a_place_was_entered_does_not_enter_it_again(
    start_rig: Callable[..., Rig], remote: Remote, step: str
) -> None:
    rig = start_rig(workers=2, **WITH_WEB)
    page_of(remote)
    image_id = prepare(rig, "web-download")
    rig.arm("stop", step)
    assert rig.api.post(f"/v2/images/{image_id}/locations", {"url": remote.url("/image")}).status == 202
    rig.wait_reached()
    asleep = sleeper(rig)
    try:
        assert outcome(rig, image_id) == "success"
        found = look(rig, image_id)
    finally:
        os.kill(asleep, signal.SIGCONT)

    wait_let_go(rig)
    assert look(rig, image_id) == found
    assert rig.status(image_id) == "active"


def test_an_upload_that_is_quicker_than_a_place_keeps_its_data(start_rig: Callable[..., Rig], remote: Remote) -> None:
    rig = start_rig(**WITH_WEB)
    page_of(remote)
    image_id = prepare(rig, "web-download")
    rig.arm("block", "after-size")
    assert rig.api.post(f"/v2/images/{image_id}/locations", {"url": remote.url("/image")}).status == 202
    rig.wait_reached()

    assert rig.api.upload(image_id, OTHER_DATA).status == 204
    rig.go()

    assert outcome(rig, image_id) == "failure"
    rig.assert_holds(image_id, OTHER_DATA)
    rig.assert_at_rest()


@pytest.mark.slow
def test_a_plugin_that_was_away_does_not_change_the_image_any_more(
    start_rig: Callable[..., Rig], remote: Remote
) -> None:
    plugins = {
        "IMAGE_IMPORT_OPTS_IMAGE_IMPORT_PLUGINS": "inject_image_metadata",
        "INJECT_METADATA_PROPERTIES_INJECT": "injected:1",
    }
    rig = start_rig(workers=2, **THREE_STORES | plugins)
    image_id = prepare(rig, "glance-direct")
    rig.arm("stop", "before-update")
    assert ask(rig, remote, "glance-direct", image_id) == 202
    rig.wait_reached()
    asleep = sleeper(rig)
    try:
        assert outcome(rig, image_id) == "success"
        found = look(rig, image_id)
    finally:
        os.kill(asleep, signal.SIGCONT)

    wait_let_go(rig)
    assert look(rig, image_id) == found
    assert rig.api.show(image_id)["injected"] == "1"


@pytest.mark.parametrize("method", METHODS)
def test_a_worker_that_dies_leaves_its_import_to_another(
    start_rig: Callable[..., Rig], remote: Remote, method: str
) -> None:
    rig = start_rig(workers=2, **THREE_STORES)
    page_of(remote)
    image_id = prepare(rig, method)
    rig.arm("die", "half-way@slow")

    assert ask(rig, remote, method, image_id) == 202

    rig.wait_reached()
    assert outcome(rig, image_id) == "success"
    rig.assert_holds(image_id, DATA)
    rig.assert_at_rest()
