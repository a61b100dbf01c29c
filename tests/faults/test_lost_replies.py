"""Answers of registry or database that are lost on the way: nobody drops bytes or keeps an image on a guess."""

import os
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from faults.relay import Relay
from faults.rig import BLOCK, RawUpload, Rig, eventually, in_background

pytestmark = pytest.mark.slow

DATA = os.urandom(BLOCK + 11)
PATIENT = {"REGISTRY_LEASE_SECONDS": "30", "REGISTRY_COMMIT_PATIENCE": "30"}
"""Whatever is put right within the test is put right by who asked, not by a lease that has run out."""


def slow(step: str) -> Any:
    return pytest.param(step, marks=pytest.mark.slow)


@pytest.mark.parametrize("step", [slow("before-commit"), slow("within-commit"), "after-commit"])
def test_an_upload_outlives_a_registry_that_dies_at_its_commit(start_rig: Callable[..., Rig], step: str) -> None:
    rig = start_rig("apart", **PATIENT)
    image = rig.api.create()
    rig.arm("kill", step, "registry")
    upload = in_background(rig.api.upload, image["id"], DATA)
    rig.wait_reached("registry")

    rig.restart(rig.daemon("registry"))

    assert upload.result(40).status == 204
    rig.assert_holds(image["id"], DATA)
    assert rig.files() == rig.live_keys()
    rig.assert_clean()


@pytest.mark.parametrize("step", ["before-commit", "after-commit"])
def test_an_upload_ends_with_503_where_the_registry_stays_away_and_all_is_well_when_it_is_back(
    start_rig: Callable[..., Rig], step: str
) -> None:
    rig = start_rig("apart", REGISTRY_COMMIT_PATIENCE="1", REGISTRY_LEASE_SECONDS="4")
    image = rig.api.create()
    rig.arm("kill", step, "registry")

    reply = rig.api.upload(image["id"], DATA)

    assert reply.status == 503, reply.text
    assert "registry cannot be reached" in reply.json["message"]
    assert len(rig.files()) == 1  # nobody knows yet whether they are an image's
    rig.restart(rig.daemon("registry"))
    if step == "after-commit":
        rig.wait_status(image["id"], "active")
        rig.assert_holds(image["id"], DATA)
    else:
        rig.wait_status(image["id"], "queued")
        rig.wait_only_live()
        rig.assert_takes_upload(image["id"], DATA)
    rig.assert_clean()


@pytest.mark.parametrize("step", [slow("before-begin"), "after-begin"])
def test_an_upload_whose_begin_is_not_known_to_have_happened_is_taken_back(
    start_rig: Callable[..., Rig], step: str
) -> None:
    rig = start_rig("apart", REGISTRY_LEASE_SECONDS="8")
    image = rig.api.create()
    rig.arm("kill", step, "registry")

    assert rig.api.upload(image["id"], DATA).status == 503

    rig.restart(rig.daemon("registry"))
    rig.wait_status(image["id"], "queued")
    rig.assert_takes_upload(image["id"], DATA)


def test_a_begin_that_comes_true_after_it_was_given_up_is_taken_back(start_rig: Callable[..., Rig]) -> None:
    rig = start_rig("apart", REGISTRY_TIMEOUT="0.5", REGISTRY_LEASE_SECONDS="4")
    image = rig.api.create()
    rig.arm("hold", "before-begin", "registry")
    assert rig.api.upload(image["id"], DATA).status == 503

    rig.go("registry")

    eventually(lambda: rig.rows("SELECT 1 FROM images WHERE revision = 2"), what="saving and queued once more")
    assert rig.status(image["id"]) == "queued"
    rig.assert_takes_upload(image["id"], DATA)


@pytest.mark.parametrize("step", [slow("before-abort"), slow("after-abort")])
def test_bytes_of_a_refused_upload_go_when_the_registry_is_back(start_rig: Callable[..., Rig], step: str) -> None:
    rig = start_rig("apart", REGISTRY_LEASE_SECONDS="4")
    image = rig.api.create(disk_format="qcow2")
    rig.arm("kill", step, "registry")

    assert rig.api.upload(image["id"], DATA).status == 415

    rig.restart(rig.daemon("registry"))
    rig.wait_status(image["id"], "queued")
    rig.wait_only_live()
    rig.assert_clean()


def test_a_slow_registry_is_asked_again_and_not_taken_for_a_refusal(start_rig: Callable[..., Rig]) -> None:
    rig = start_rig("apart", **PATIENT, REGISTRY_TIMEOUT="0.5")
    image = rig.api.create()
    rig.arm("block", "after-commit", "registry")  # done, but the answer takes longer than the API waits

    reply = rig.api.upload(image["id"], DATA)

    assert reply.status == 204
    rig.go("registry")
    rig.assert_holds(image["id"], DATA)


def test_an_upload_outlives_a_registry_that_is_away_for_longer_than_the_lease(start_rig: Callable[..., Rig]) -> None:
    rig = start_rig("apart")
    image = rig.api.create()
    upload = RawUpload(rig.api, image["id"], 2 * BLOCK)
    upload.send(bytes(BLOCK))
    eventually(rig.all_files, what="a file of an upload that has heard that it has begun")
    rig.kill(rig.daemon("registry"))
    ((alive_until,),) = rig.rows("SELECT MAX(alive_until) FROM processes")
    eventually(lambda: time.time() * 1_000_000 > alive_until, what="an end of all leases")

    rig.daemon("registry").start()
    upload.send(bytes(BLOCK))

    assert upload.status() == 204
    rig.assert_holds(image["id"], bytes(2 * BLOCK))


def test_a_commit_that_comes_true_while_it_is_being_given_up_keeps_its_bytes(start_rig: Callable[..., Rig]) -> None:
    settings = {"REGISTRY_TIMEOUT": "0.5", "REGISTRY_COMMIT_PATIENCE": "0", "REGISTRY_LEASE_SECONDS": "4"}
    rig = start_rig("apart", **settings)
    image = rig.api.create()
    rig.arm("hold", "before-commit", "registry")
    rig.arm("block", "before-abort")
    assert rig.api.upload(image["id"], DATA).status == 503
    rig.wait_reached()

    rig.go("registry")
    rig.wait_status(image["id"], "active")
    rig.go()

    rig.wait_housekeeping()
    rig.assert_holds(image["id"], DATA)
    rig.assert_clean()


def test_a_delete_whose_answer_is_lost_is_a_delete(start_rig: Callable[..., Rig]) -> None:
    rig = start_rig("apart")
    image = rig.api.create_with(DATA)
    rig.arm("kill", "after-delete", "registry")

    assert rig.api.delete(f"/v2/images/{image['id']}").status == 503

    rig.restart(rig.daemon("registry"))
    assert rig.api.get(f"/v2/images/{image['id']}").status == 404
    rig.assert_nothing_left()
    rig.assert_clean()


# A server of databases, and what is between it and the service --------------------------------------------------------

on_server = pytest.mark.only_on("postgresql", "mysql")
together_and_apart = pytest.mark.parametrize("deployment", ["together", "apart"])
COMMITTING = b"'live'"
"""The value in a statement, as it is on the wire."""


@pytest.fixture
def database(new_url: Callable[[], str]) -> str:
    return new_url()


@pytest.fixture
def relay(database: str) -> Iterator[Relay]:
    url = urlsplit(database)
    relay = Relay((str(url.hostname), int(url.port or 0)))
    yield relay
    relay.close()


def through(relay: Relay, database: str) -> str:
    """The database's URL by way of the relay."""
    url = urlsplit(database)
    return url._replace(netloc=f"{url.username}@127.0.0.1:{relay.port}").geturl()


@on_server
@together_and_apart
@pytest.mark.parametrize("lost", ["request", "reply"])
def test_a_connection_cut_at_the_commit_costs_neither_the_bytes_nor_the_upload(
    start_rig: Callable[..., Rig], database: str, relay: Relay, lost: str, deployment: str
) -> None:
    rig = start_rig(deployment, DATABASE_CONNECTION=through(relay, database), **PATIENT)
    image = rig.api.create()
    relay.arm(COMMITTING, lost)

    reply = rig.api.upload(image["id"], DATA)

    assert relay.is_cut.is_set()
    assert reply.status == 204, reply.text
    rig.assert_holds(image["id"], DATA)
    assert rig.files() == rig.live_keys()
    rig.assert_clean()


@on_server
@together_and_apart
@pytest.mark.parametrize("lost", ["request", "reply"])
def test_a_database_that_stays_away_after_the_commit_makes_it_503_and_loses_nothing(
    start_rig: Callable[..., Rig], database: str, relay: Relay, lost: str, deployment: str
) -> None:
    settings = {"REGISTRY_COMMIT_PATIENCE": "0.5", "REGISTRY_LEASE_SECONDS": "4"}
    rig = start_rig(deployment, DATABASE_CONNECTION=through(relay, database), **settings)
    image = rig.api.create()
    relay.arm(COMMITTING, lost)
    upload = in_background(rig.api.upload, image["id"], DATA)
    assert relay.is_cut.wait(20)
    relay.take_down()

    assert upload.result(30).status == 503
    assert len(rig.files()) == 1
    relay.bring_back()

    eventually(lambda: rig.api.get(f"/v2/images/{image['id']}").status == 200)
    if lost == "reply":
        rig.assert_holds(image["id"], DATA)
    else:
        rig.wait_status(image["id"], "queued")
        eventually(lambda: not rig.files(), what="an empty store")
        rig.assert_takes_upload(image["id"], DATA)
    rig.assert_clean()


@on_server
@together_and_apart
def test_of_several_uploads_by_several_workers_exactly_one_wins(start_rig: Callable[..., Rig], deployment: str) -> None:
    rig = start_rig(deployment, workers=2)
    for _ in range(5):
        image = rig.api.create()
        bodies = [os.urandom(20000 + number) for number in range(6)]
        tries = [in_background(rig.api.upload, image["id"], body) for body in bodies]
        statuses = [one.result(30).status for one in tries]
        assert sorted(statuses) == [204] + [409] * 5
        rig.assert_holds(image["id"], bodies[statuses.index(204)])
    eventually(lambda: len(rig.files()) == 5, what="a store with the winners only")
    rig.assert_clean()


@on_server
@together_and_apart
def test_deletes_that_race_with_uploads_by_several_workers_leave_nothing(
    start_rig: Callable[..., Rig], deployment: str
) -> None:
    rig = start_rig(deployment, workers=2)
    for _ in range(20):
        image = rig.api.create()
        upload = in_background(rig.api.upload, image["id"], DATA)
        assert rig.api.delete(f"/v2/images/{image['id']}").status == 204
        assert upload.result(30).status in (204, 404, 410)
    eventually(lambda: not rig.files(), what="an empty store")
    assert rig.rows("SELECT id FROM work") == []
    rig.assert_clean()
