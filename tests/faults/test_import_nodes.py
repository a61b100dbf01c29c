"""Two API nodes with one registry: what one has staged the other imports, and either finishes what the other left."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import urllib3
from databases import POSTGRES, new_database
from fakes.remote import Remote, answer
from faults.rig import BLOCK, STAGING, THREE_STORES, Rig, eventually

# They bring their own database.
pytestmark = [pytest.mark.needs(POSTGRES), pytest.mark.only_on("sqlite"), pytest.mark.slow]

DATA = os.urandom(2 * BLOCK + 777)
STORES = ("fast", "slow", "spare")

Nodes = tuple[Rig, Rig]


@pytest.fixture
def start_nodes(start_rig: Callable[..., Rig], postgres_url: str, tmp_path: Path) -> Callable[..., Nodes]:
    """Two nodes with data directories of their own that share a database, the stores and, if told to, staging."""

    def start(*, shares_staging: bool = True) -> Nodes:
        url = new_database(postgres_url)
        places = {store: tmp_path / "shared" / store for store in STORES}
        if shares_staging:
            places[STAGING] = tmp_path / "shared" / "staging"
        settings = {f"{store.upper()}_FILESYSTEM_STORE_DATADIR": str(place) for store, place in places.items()}
        one = start_rig(DATABASE_CONNECTION=url, **THREE_STORES | settings)
        # The node that looks first makes its staging the one that is known.
        assert one.api.delete(f"/v2/images/{stage_on(one)}").status == 204
        other = start_rig(DATABASE_CONNECTION=url, **THREE_STORES | settings)
        for node in (one, other):
            node.elsewhere = places
        return one, other

    return start


@pytest.fixture
def nodes(start_nodes: Callable[..., Nodes]) -> Iterator[Nodes]:
    yield start_nodes()


def stage_on(node: Rig) -> str:
    image_id = str(node.api.create()["id"])
    assert node.stage(image_id, DATA).status == 204
    return image_id


def import_on(node: Rig, image_id: str) -> int:
    """Ask; the answer's status, 0 where none came."""
    try:
        return node.ask_import(image_id, "glance-direct", stores=["fast", "slow"]).status
    except urllib3.exceptions.HTTPError:
        return 0


def assert_imported(node: Rig, image_id: str) -> None:
    assert [how for how, _ in node.wait_ended(image_id)][-1:] == ["success"]
    assert node.api.show(image_id)["stores"] == "fast,slow"
    node.assert_holds(image_id, DATA)
    node.assert_at_rest()


def test_what_one_node_has_staged_the_other_imports(nodes: Nodes) -> None:
    one, other = nodes
    image_id = stage_on(one)

    assert import_on(other, image_id) == 202

    for node in nodes:
        assert_imported(node, image_id)


def test_what_a_node_has_staged_is_there_when_it_is_not(nodes: Nodes) -> None:
    one, other = nodes
    image_id = stage_on(one)
    one.kill()

    assert import_on(other, image_id) == 202

    assert_imported(other, image_id)


IMPORT_STEPS = (
    "after-begin-import", "after-claim", "before-begin@fast", "half-way@fast", "before-copy@slow", "within-commit@slow",
    "before-finish", "within-finish", "after-finish", f"before-unlink@{STAGING}",
)  # fmt: skip


@pytest.mark.parametrize(
    "step", [pytest.param(one, marks=() if one == "half-way@fast" else (pytest.mark.slow,)) for one in IMPORT_STEPS]
)
def test_a_node_that_dies_leaves_its_import_to_the_other(nodes: Nodes, step: str) -> None:
    one, other = nodes
    image_id = stage_on(one)
    for node in nodes if "unlink" in step else (other,):
        node.arm("kill", step)

    assert import_on(other, image_id) in (202, 0)

    dead, living = (other, one)
    if "unlink" in step:
        eventually(lambda: one.reached() or other.reached(), what="the armed step")
        dead, living = (one, other) if one.reached() else (other, one)
        living.disarm()
    dead.wait_reached()
    assert_imported(living, image_id)
    dead.restart()
    assert_imported(dead, image_id)


@pytest.mark.parametrize(
    "step", ["half-way", *(pytest.param(one, marks=pytest.mark.slow) for one in ("after-begin", "before-park"))]
)
def test_a_node_that_dies_leaves_its_staging_to_the_other(nodes: Nodes, step: str) -> None:
    one, other = nodes
    image_id = str(one.api.create()["id"])
    one.arm("kill", step)
    with pytest.raises(urllib3.exceptions.HTTPError):
        one.stage(image_id, DATA)
    one.wait_reached()

    other.wait_status(image_id, "queued")
    other.assert_at_rest()
    assert other.stage(image_id, DATA).status == 204
    assert import_on(other, image_id) == 202
    assert_imported(other, image_id)


# Each its own staging -------------------------------------------------------------------------------------------------


@pytest.fixture
def strangers(start_nodes: Callable[..., Nodes]) -> Nodes:
    """Two nodes that do not see each other's staged data."""
    return start_nodes(shares_staging=False)


def test_a_node_that_does_not_see_the_staged_data_says_so_and_nothing_is_lost(strangers: Nodes) -> None:
    one, other = strangers
    image_id = stage_on(one)

    status = import_on(other, image_id)

    assert status in (202, 503)
    if status == 202:
        ((how, message),) = other.wait_ended(image_id)
        assert how == "failure"
        assert "staging" in message and "cannot be used" in message
    assert one.status(image_id) == "uploading"
    assert import_on(one, image_id) == 202
    assert_imported(one, image_id)
    one.wait_settled()  # the other, which sees no staging, does not keep the first from keeping house there


def test_a_node_whose_staging_is_not_the_one_that_is_known_takes_nothing_in(strangers: Nodes, remote: Remote) -> None:
    one, other = strangers
    image_id = str(other.api.create()["id"])
    remote.pages["/image"] = answer(DATA)

    reply = other.stage(image_id, DATA)

    assert reply.status == 503, reply.text
    assert "staging" in reply.json["message"]
    assert one.status(image_id) == "queued"
    assert other.ask_import(image_id, "web-download", remote.url("/image")).status in (202, 503)
    for how, message in other.wait_ended(image_id):
        assert (how, "cannot be used" in message) == ("failure", True)
    assert one.stage(image_id, DATA).status == 204
    assert import_on(one, image_id) == 202
    assert_imported(one, image_id)


def test_an_import_that_only_the_dead_node_could_do_is_asked_for_again(strangers: Nodes) -> None:
    one, other = strangers
    image_id = stage_on(one)
    one.arm("kill", "half-way@fast")
    import_on(one, image_id)
    one.wait_reached()

    ((how, message),) = other.wait_ended(image_id)

    assert how == "failure"
    assert "cannot be used" in message
    assert other.status(image_id) == "uploading"
    one.restart()
    assert import_on(one, image_id) == 202
    assert_imported(one, image_id)
