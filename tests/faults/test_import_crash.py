"""The whole server is killed at each step of staging and of imports; started again, it ends by itself what it began.

An import that was entered is gone on with and succeeds; one that was not leaves the image as it was, and it is asked
for again. Either way nothing is left over.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3
from fakes.remote import Remote, answer
from faults.rig import BLOCK, LEASE, STAGING, Rig, eventually

DATA = os.urandom(2 * BLOCK + 4321)

WRITE = ("before-begin", "after-begin", "before-first-byte", "half-way", "before-rename", "before-directory-fsync")
PARK = ("before-park", "within-park", "after-park")
COPY = (*WRITE, "before-copy", "within-commit", "after-copy")
START = ("before-begin-import", "within-begin-import", "after-begin-import", "after-claim", "before-report")
FINISH = ("before-finish", "within-finish", "after-finish")
UNLINK = ("before-unlink", "after-unlink", "between-unlinks")


def at(store: str, *steps: str) -> tuple[str, ...]:
    return tuple(f"{step}@{store}" if step not in PARK and step != "between-unlinks" else step for step in steps)


STEPS: dict[str, tuple[str, ...]] = {
    "stage": at(STAGING, *WRITE, *PARK),
    "glance-direct": (*START, *at("fast", *COPY), *at("slow", *COPY), *FINISH, *at(STAGING, *UNLINK)),
    "web-download": (*START, *at(STAGING, *WRITE, *PARK), *at("fast", *COPY), *at("slow", *COPY), *FINISH,
                     *at(STAGING, *UNLINK)),
    "copy-image": (*START, *at("slow", *COPY), *FINISH),
}  # fmt: skip
REGISTRY_STEPS: dict[str, tuple[str, ...]] = {
    "stage": ("before-begin", "after-begin", *PARK),
    "glance-direct": (*START, "before-begin@fast", "before-copy@fast", "within-commit@fast", "after-copy@fast",
                      "before-begin@slow", "before-copy@slow", "after-copy@slow", *FINISH, "between-unlinks"),
    "web-download": ("before-begin-import", "after-begin-import", f"before-begin@{STAGING}", f"after-begin@{STAGING}",
                     *PARK),
    "copy-image": ("before-copy@slow", "within-commit@slow", "after-copy@slow", "within-finish"),
}  # fmt: skip
WITH_BOTH = ("after-begin-import", "after-claim", "after-park", "before-copy@slow", "after-copy@fast", "before-finish")
"""Where both daemons die together: it differs from one daemon's death by what the API was told."""

QUICK = (
    ("together", "api", "stage", "half-way@" + STAGING),
    ("together", "api", "web-download", "after-park"),
    ("together", "api", "glance-direct", "within-commit@slow"),
    ("together", "api", "copy-image", "half-way@slow"),
    ("together", "api", "glance-direct", "within-finish"),
)
Case = tuple[str, str, str, str]


def find_cases() -> Iterator[Case]:
    """Deployment (and who dies of two), role that comes to the step, what it is doing, the step."""
    for doing, steps in STEPS.items():
        for step in steps:
            yield "together", "api", doing, step
            if step in WITH_BOTH:
                yield "apart, both die", "api", doing, step
        for step in REGISTRY_STEPS[doing]:
            yield "apart, one dies", "registry", doing, step
    for doing, step in (("glance-direct", "before-copy@slow"), ("web-download", "half-way@" + STAGING)):
        yield "apart, one dies", "api", doing, step


CASES = [
    pytest.param(*case, id=" ".join(case), marks=() if case in QUICK else (pytest.mark.slow,)) for case in find_cases()
]


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    """A URL with the data."""
    remote = Remote()
    remote.pages["/image"] = answer(DATA)
    yield remote.url("/image")
    remote.close()


def prepare(rig: Rig, doing: str) -> str:
    """An image that it can be done with."""
    if doing == "copy-image":
        return str(rig.api.create_with(DATA)["id"])
    image_id = str(rig.api.create()["id"])
    if doing == "glance-direct":
        assert rig.stage(image_id, DATA).status == 204
    return image_id


def ask(rig: Rig, doing: str, image_id: str, page: str) -> int:
    """Ask for it; the answer's status, 0 where none came."""
    try:
        if doing == "stage":
            return rig.stage(image_id, DATA).status
        uri = {"uri": page} if doing == "web-download" else {}
        stores: dict[str, Any] = {"stores": ["slow"]} if doing == "copy-image" else {"stores": ["fast", "slow"]}
        return rig.ask_import(image_id, doing, **uri, **stores).status
    except urllib3.exceptions.HTTPError:
        return 0


@pytest.mark.parametrize(("deployment", "role", "doing", "step"), CASES)
def test_what_a_crash_interrupts_ends_well(
    import_rig_of: Callable[[str], Rig], page: str, deployment: str, role: str, doing: str, step: str
) -> None:
    rig = import_rig_of(deployment.partition(",")[0])
    if "unlink" in step:
        rig.wait_settled()  # of what other tests have left the armed step is none
    image_id = prepare(rig, doing)
    rig.arm("kill", step, role)

    status = ask(rig, doing, image_id, page)
    rig.wait_reached(role)
    rig.restart(*((rig.daemon(role),) if "one dies" in deployment else ()))

    if doing == "stage":
        check_staged(rig, image_id, status)
        doing = "glance-direct"
    ended = rig.wait_ended(image_id)
    if not ended:  # it had not been begun
        assert status != 202
        assert ask(rig, doing, image_id, page) == 202
        ended = rig.wait_ended(image_id)
    assert [how for how, _ in ended] == ["success"], ended
    image = rig.api.show(image_id)
    assert image["stores"] == "fast,slow"
    assert [name for name in image if name.startswith("os_glance") and image[name]] == []
    for store in ("fast", "slow"):
        assert rig.api.get(f"{image['file']}?prefer={store}").body == DATA
    rig.assert_holds(image_id, DATA)
    rig.assert_at_rest()


def check_staged(rig: Rig, image_id: str, status: int) -> None:
    """What was staged is there whole, or the image takes it again."""
    eventually(lambda: not rig.rows("SELECT id FROM work"), 3 * LEASE + 7, "the end of the dead one's work")
    image = rig.api.show(image_id)
    if image["status"] == "queued":
        assert status != 204
        assert rig.stage(image_id, DATA).status == 204
    else:
        assert (image["status"], image["size"]) == ("uploading", len(DATA))
