"""Imports where a disk is full, of the staging area or of one of several stores: what can be kept is kept."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.remote import Remote, answer
from faults.rig import BLOCK, STAGING, THREE_STORES, Rig
from faults.test_disks import ROOM, SMALL, needs_mount, small_disk, too_large  # noqa: F401 - a fixture

pytestmark = [needs_mount, pytest.mark.slow]

LARGE = bytes((ROOM + 8) * BLOCK)
FULL = "not enough disk space"


def start_with(start_rig: Callable[..., Rig], store: str, place: Path) -> Rig:
    """A service whose store (or staging) of this id is at this place."""
    rig = start_rig(**THREE_STORES | {f"{store.upper()}_FILESYSTEM_STORE_DATADIR": str(place)})
    rig.elsewhere = {store: place}
    return rig


@pytest.mark.parametrize("chunked", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["length", "chunked"])
def test_a_full_staging_area_is_said_and_leaves_the_image_queued(
    start_rig: Callable[..., Rig],
    small_disk: Path,  # noqa: F811
    chunked: bool,
) -> None:
    rig = start_with(start_rig, STAGING, small_disk / "staging")
    image_id = rig.api.create()["id"]

    reply = rig.stage(image_id, too_large(chunked=chunked))

    assert reply.status == 413, reply.text
    assert FULL in reply.json["message"]
    assert rig.status(image_id) == "queued"
    rig.assert_at_rest()
    assert rig.stage(image_id, SMALL).status == 204
    assert rig.ask_import(image_id, "glance-direct").status == 202
    assert [how for how, _ in rig.wait_ended(image_id)] == ["success"]
    rig.assert_holds(image_id, SMALL)
    rig.assert_at_rest()


def test_what_does_not_fit_into_staging_is_not_fetched(
    start_rig: Callable[..., Rig],
    small_disk: Path,  # noqa: F811
    remote: Remote,
) -> None:
    rig = start_with(start_rig, STAGING, small_disk / "staging")
    remote.pages |= {"/large": answer(LARGE), "/small": answer(SMALL)}
    image_id = rig.api.create()["id"]

    assert rig.ask_import(image_id, "web-download", remote.url("/large")).status == 202

    ((how, message),) = rig.wait_ended(image_id)
    assert how == "failure"
    assert FULL in message
    image = rig.api.show(image_id)
    assert (image["status"], image["size"]) == ("queued", None)
    assert FULL in image["os_glance_import_error"]
    rig.assert_at_rest()
    assert rig.ask_import(image_id, "web-download", remote.url("/small")).status == 202
    assert [how for how, _ in rig.wait_ended(image_id)][-1] == "success"
    rig.assert_holds(image_id, SMALL)
    rig.assert_at_rest()


def test_a_full_store_fails_an_import_that_must_succeed_everywhere(
    start_rig: Callable[..., Rig],
    small_disk: Path,  # noqa: F811
) -> None:
    rig = start_with(start_rig, "slow", small_disk / "slow")
    image_id = rig.api.create()["id"]
    assert rig.stage(image_id, LARGE).status == 204

    assert rig.ask_import(image_id, "glance-direct", stores=["fast", "slow", "spare"]).status == 202

    ((how, message),) = rig.wait_ended(image_id)
    assert how == "failure"
    assert FULL in message
    image = rig.api.show(image_id)
    assert (image["status"], image["size"], image["checksum"], image.get("stores", "")) == (
        "uploading", len(LARGE), None, "",
    )  # fmt: skip
    assert (image["os_glance_failed_import"], image["os_glance_importing_to_stores"]) == ("slow", "")
    rig.assert_at_rest()
    assert rig.ask_import(image_id, "glance-direct", stores=["fast", "spare"]).status == 202
    assert [how for how, _ in rig.wait_ended(image_id)][-1] == "success"
    assert rig.api.show(image_id)["stores"] == "fast,spare"
    rig.assert_holds(image_id, LARGE)
    rig.assert_at_rest()


def test_a_full_store_is_passed_over_where_not_all_must_succeed(
    start_rig: Callable[..., Rig],
    small_disk: Path,  # noqa: F811
) -> None:
    rig = start_with(start_rig, "slow", small_disk / "slow")
    image_id = rig.api.create()["id"]
    assert rig.stage(image_id, LARGE).status == 204

    asked = rig.ask_import(image_id, "glance-direct", stores=["slow", "fast", "spare"], all_stores_must_succeed=False)

    assert asked.status == 202
    assert [how for how, _ in rig.wait_ended(image_id)] == ["success"]
    image = rig.api.show(image_id)
    assert (image["stores"], image["os_glance_failed_import"], image["os_glance_importing_to_stores"]) == (
        "fast,spare", "slow", "",
    )  # fmt: skip
    rig.assert_holds(image_id, LARGE)
    rig.assert_at_rest()


@pytest.mark.parametrize("must_succeed", [True, False])
def test_a_copy_to_full_stores_only_fails_and_leaves_the_image_whole(
    start_rig: Callable[..., Rig],
    small_disk: Path,  # noqa: F811
    must_succeed: bool,
) -> None:
    rig = start_with(start_rig, "slow", small_disk / "slow")
    image_id = rig.api.create_with(LARGE)["id"]

    asked = rig.ask_import(image_id, "copy-image", stores=["slow"], all_stores_must_succeed=must_succeed)

    assert asked.status == 202
    ((how, message),) = rig.wait_ended(image_id)
    assert how == "failure"
    assert FULL in message
    image = rig.api.show(image_id)
    assert (image["stores"], image["os_glance_failed_import"]) == ("fast", "slow")
    rig.assert_holds(image_id, LARGE)
    rig.assert_at_rest()
