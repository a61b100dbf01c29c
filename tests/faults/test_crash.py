"""The whole server is killed at each step of an upload and of a delete; what it answered holds, the rest is as before.

All crashes of a deployment happen in one service, one after the other; then it runs on, the leases of the dead run out,
and each test looks at what became of one image.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import urllib3
from faults.rig import BLOCK, LEASE, Rig, eventually

pytestmark = pytest.mark.timeout(300)  # the first test of a deployment waits for all of its crashes

DATA = os.urandom(2 * BLOCK + 4321)
OTHER_DATA = os.urandom(BLOCK + 17)

BEFORE_COMMIT = (
    "before-begin",
    "after-begin",
    "before-first-byte",
    "half-way",
    "before-fsync",
    "before-rename",
    "before-directory-fsync",
    "before-commit",
)
REGISTRY_UPLOAD = ("after-begin", "before-commit", "within-commit", "after-commit")
REFUSED = ("before-abort", "after-abort", "before-unlink", "after-unlink", "between-unlinks")
DELETE = ("before-delete", "after-delete", "before-unlink", "after-unlink", "between-unlinks")

Case = tuple[str, str, str]
CASES: dict[str, tuple[Case, ...]] = {
    # deployment: role that reaches the step, what it is doing, the step
    "together": (
        *(("api", "upload", step) for step in (*BEFORE_COMMIT, "within-commit", "after-commit")),
        *(("api", "refused upload", step) for step in REFUSED),
        *(("api", "delete", step) for step in (*DELETE, "within-delete")),
    ),
    "apart": (
        *(("api", "upload", step) for step in (*BEFORE_COMMIT, "after-commit")),
        *(("api", "refused upload", step) for step in REFUSED),
        *(("api", "delete", step) for step in DELETE),
        *(("registry", "upload", step) for step in REGISTRY_UPLOAD),
        *(("registry", "delete", step) for step in ("before-delete", "within-delete", "after-delete")),
    ),
}


@dataclass(frozen=True)
class Crash:
    """What was asked for when the server died, and what the client heard of it (0: nothing)."""

    image_id: str
    status: int


@dataclass(frozen=True)
class Aftermath:
    rig: Rig
    crashes: dict[Case, Crash]
    fsck: "subprocess.CompletedProcess[str]"


DEPLOYMENTS = (
    pytest.param("together", id="together"),
    pytest.param("apart, both die", id="both", marks=pytest.mark.slow),
    pytest.param("apart, one dies", id="one", marks=pytest.mark.slow),
)


def with_cases(*doings: str) -> Any:
    """Run a test for each deployment and each of its cases in which the service was doing this."""
    pairs = [
        pytest.param(deployment.values[0], case, id=f"{deployment.id} {' '.join(case)}", marks=deployment.marks)
        for deployment in DEPLOYMENTS
        for case in CASES[deployment.values[0].partition(",")[0]]
        if case[1] in doings
    ]
    return pytest.mark.parametrize(("deployment", "case"), pairs)


@pytest.fixture(scope="module")
def aftermath_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Aftermath]]:
    """What is left of all crashes of a deployment; they happen when the first test asks."""
    rigs: list[Rig] = []

    @cache
    def go_through(deployment: str) -> Aftermath:
        kind, _, who = deployment.partition(", ")
        # What one daemon does while the other is down is another test's; here it soon gives up waiting.
        rig = Rig.make(tmp_path_factory.mktemp("crash") / "data", kind, REGISTRY_COMMIT_PATIENCE="0")
        rigs.append(rig)
        rig.service.start()
        crashes = {case: crash(rig, case, both=who != "one dies") for case in CASES[kind]}
        for one in crashes.values():
            eventually(lambda one=one: look(rig, one.image_id) != "saving", 3 * LEASE + 7, "an image at rest")
        rig.wait_only_live()
        return Aftermath(rig, crashes, rig.service.fsck("--hash"))

    yield go_through
    for rig in rigs:
        rig.service.kill()


@pytest.fixture
def aftermath(deployment: str, aftermath_of: Callable[[str], Aftermath]) -> Aftermath:
    return aftermath_of(deployment)


def crash(rig: Rig, case: Case, both: bool) -> Crash:
    """Ask for something, let the server die on the way, start it again."""
    role, doing, step = case
    image = rig.api.create() if doing != "delete" else rig.api.create_with(DATA)
    image_id = image["id"]
    if doing == "refused upload":
        assert rig.api.patch(image_id, [{"op": "replace", "path": "/disk_format", "value": "qcow2"}]).status == 200
    spared = rig.rows(f"SELECT blobs.key FROM blobs WHERE image_id != '{image_id}'")  # what earlier crashes have left
    rig.arm("kill", step, role, [key for (key,) in spared])
    try:
        reply = rig.api.delete(f"/v2/images/{image_id}") if doing == "delete" else rig.api.upload(image_id, DATA)
        status = reply.status
    except urllib3.exceptions.HTTPError:
        status = 0
    rig.wait_reached(role)
    rig.restart(*(rig.service.daemons if both else (rig.daemon(role),)))
    return Crash(image_id, status)


def look(rig: Rig, image_id: str) -> str:
    """The image's status, `gone` where there is none."""
    reply = rig.api.get(f"/v2/images/{image_id}")
    assert reply.status in (200, 404), reply.text
    return str(reply.json["status"]) if reply.status == 200 else "gone"


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_fsck_finds_nothing_and_no_file_is_left_that_no_row_names(aftermath: Aftermath) -> None:
    done = aftermath.fsck
    assert (done.returncode, done.stdout) == (0, "clean\n"), done.stdout + done.stderr
    assert aftermath.rig.files() == aftermath.rig.live_keys()


@with_cases("upload")
def test_an_interrupted_image_is_whole_or_takes_a_new_upload(aftermath: Aftermath, case: Case) -> None:
    rig, crashed = aftermath.rig, aftermath.crashes[case]
    is_committed = case[2] == "after-commit"
    assert look(rig, crashed.image_id) == ("active" if is_committed else "queued")
    if is_committed:
        rig.assert_holds(crashed.image_id, DATA)
    else:
        assert crashed.status != 204
        rig.assert_takes_upload(crashed.image_id, OTHER_DATA)


@with_cases("refused upload")
def test_a_refused_image_takes_a_good_upload(aftermath: Aftermath, case: Case) -> None:
    rig, crashed = aftermath.rig, aftermath.crashes[case]
    assert crashed.status in (0, 415, 503)
    assert rig.api.patch(crashed.image_id, [{"op": "replace", "path": "/disk_format", "value": "raw"}]).status == 200
    rig.assert_takes_upload(crashed.image_id, OTHER_DATA)


@with_cases("delete")
def test_an_image_is_deleted_for_good_or_still_whole(aftermath: Aftermath, case: Case) -> None:
    rig, crashed = aftermath.rig, aftermath.crashes[case]
    if case[2] in ("before-delete", "within-delete"):
        assert crashed.status != 204
        rig.assert_holds(crashed.image_id, DATA)
    else:
        assert look(rig, crashed.image_id) == "gone"
        assert rig.api.post("/v2/images", {"id": crashed.image_id}).status == 409
