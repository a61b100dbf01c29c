"""The part of the registry's contract that is about tasks, and the imports that most of them are."""

import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from contract.registry_rig import ADMIN, CTX, DATA, LONG, PROCESS, SHORT, STRANGER, at_once, filled, intent, new, until

from glancelite.domain.image import Image
from glancelite.domain.limits import STAGE, UPLOADING, Usage
from glancelite.domain.ports import Content, Intent, Registry
from glancelite.domain.query import ImageQuery
from glancelite.domain.task import DELETED, FAILED_IMPORT, IMPORTING_TO, LOCK, PROGRESS, REASON, Ending, Task, TaskQuery
from glancelite.errors import (
    ChangedMeanwhile,
    CopyDiffers,
    GlanceliteError,
    Gone,
    ImageNotFound,
    InvalidTaskMarker,
    LimitExceeded,
    QuotaExceeded,
    RegistryUnavailable,
    StatusConflict,
    TaskLost,
    TaskNotFound,
)

OTHER = "another process"
STAGED = Content(10, None, "", "", None)
SUCCESS = Ending("success", "Copied", {"image_id": "x"}, "active", {IMPORTING_TO: "", FAILED_IMPORT: "", REASON: None})


def task(image: Image | None = None, **values: Any) -> Task:
    plain = {"id": str(uuid.uuid4()), "type": "api_image_import", "owner": "mine", "image_id": image and image.id}
    return Task(**(plain | values))


def added(registry: Registry, image: Image | None = None, **values: Any) -> Task:
    """A task younger than those before: SQLite's clock counts milliseconds."""
    made = registry.add_task(CTX, task(image, **values))
    time.sleep(0.001)
    return made


def staged(registry: Registry, image: Image | None = None, size: int = 10, **values: Any) -> tuple[Image, Intent]:
    """An image that waits for its import, and what its data was staged by."""
    wanted = intent(image or new(registry), **({"store": "staging", "kind": "stage", "to": "uploading"} | values))
    registry.begin_blob(CTX, wanted)
    return registry.park_blob(CTX, wanted, replace(STAGED, size=size), {}), wanted


def locked(task: Task, image: Image, status: str | None = "importing") -> dict[str, Any]:
    """What an image says whose import begins."""
    properties = {**image.properties, LOCK: task.id, IMPORTING_TO: "fast,slow", FAILED_IMPORT: ""}
    return {"properties": properties} | ({} if status is None else {"status": status})


def importing(
    registry: Registry, image: Image, status: str | None = "importing", process: str = PROCESS, **values: Any
) -> tuple[Image, Task]:
    """An image at whose import a process works."""
    wanted = task(image, process=process, **values)
    registry.begin_import(CTX, image, locked(wanted, image, status), wanted)
    found = registry.claim_task(process, ())
    assert found is not None and found.id == wanted.id
    return registry.show_image(CTX, image.id), found


def copy(image: Image, task: Task, **values: Any) -> Intent:
    """The intent to bring one more copy of an image's data into a store."""
    same = {"expect": image.status, "to": image.status, "if_lost": image.status}
    return intent(image, **{"kind": "copy", "task": task.id} | same | values)


def rework(image: Image, task: Task, **values: Any) -> Intent:
    """The intent to stage something for an image at whose import a task is."""
    return copy(image, task, kind="fetch", store="staging", **values)


def copied(registry: Registry, image: Image, task: Task, store: str, content: Content = DATA) -> Image:
    wanted = copy(image, task, store=store)
    registry.begin_blob(CTX, wanted)
    return registry.commit_copy(CTX, wanted, content, f"{store}://x")


def states(registry: Registry, store: str = "staging") -> list[str]:
    return [blob.state for blob in registry.list_blobs(store, "", 1000)]


def raised(act: Any) -> str:
    """The error's name, or none."""
    try:
        act()
    except GlanceliteError as error:
        return type(error).__name__
    return ""


def stores_of(image: Image) -> list[str]:
    return [place.store for place in image.locations]


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: text for name, text in values.items() if name.startswith("os_glance")}


class TaskContract:
    # entering

    def test_a_task_is_kept_as_it_was_entered(self, registry: Registry) -> None:
        given = task(
            new(registry), user_id="me", request_id="req-1", roles=("member", "reader"), message="",
            input={"deep": {"list": ["a", 1, None, True], "text": "ü"}},
        )  # fmt: skip
        kept = registry.add_task(CTX, given)
        assert replace(kept, created_at=0, updated_at=0) == given
        assert kept.created_at == kept.updated_at > 0
        assert (kept.status, kept.process, kept.attempts, kept.result, kept.expires_at) == (
            "pending",
            None,
            0,
            None,
            None,
        )
        assert registry.show_task(CTX, given.id) == kept
        with pytest.raises(TaskNotFound):
            registry.show_task(CTX, str(uuid.uuid4()))

    def test_an_import_is_begun_with_its_image_or_not_at_all(self, registry: Registry) -> None:
        image, _ = staged(registry)
        wanted = task(image, process=PROCESS)
        changes = locked(wanted, image)
        with pytest.raises(ChangedMeanwhile):
            registry.begin_import(CTX, replace(image, revision=image.revision - 1), changes, wanted)
        assert registry.show_image(CTX, image.id) == image
        assert raised(lambda: registry.show_task(CTX, wanted.id)) == "TaskNotFound"

        begun = registry.begin_import(CTX, image, changes, wanted)

        assert begun == registry.show_task(CTX, wanted.id)
        found = registry.show_image(CTX, image.id)
        assert (found.status, found.properties[LOCK], found.size) == ("importing", wanted.id, 10)
        with pytest.raises(ImageNotFound):
            registry.begin_import(CTX, Image(id=str(uuid.uuid4())), {}, task())

    def test_of_imports_begun_at_once_one_begins(self, registry: Registry) -> None:
        image, _ = staged(registry)

        def begin(_: int) -> Task:
            wanted = task(image, process=PROCESS)
            return registry.begin_import(CTX, image, locked(wanted, image), wanted)

        answers = at_once(8, begin)
        assert sorted(type(one).__name__ for one in answers) == ["ChangedMeanwhile"] * 7 + ["Task"]
        (only,) = registry.list_image_tasks(CTX, image.id)
        assert registry.show_image(CTX, image.id).properties[LOCK] == only.id

    def test_an_import_that_takes_over_ends_the_one_before_in_the_same_moment(self, registry: Registry) -> None:
        image, _ = filled(registry)
        image, old = importing(registry, image, status=None)
        wanted = task(image, process=PROCESS)
        with pytest.raises(ChangedMeanwhile):
            earlier = replace(image, revision=image.revision - 1)
            registry.begin_import(CTX, earlier, locked(wanted, image, None), wanted, old.id)
        assert registry.show_task(CTX, old.id).status == "processing"
        registry.begin_import(CTX, image, locked(wanted, image, None), wanted, old.id)
        ended = registry.show_task(CTX, old.id)
        assert (ended.status, ended.message) == ("failure", "Expired lock preempted")
        assert ended.expires_at
        for act in (
            lambda: registry.report_task(old.id, PROCESS, "still at it", "1 of 2"),
            lambda: registry.begin_blob(CTX, copy(image, old, store="slow")),
        ):
            with pytest.raises(TaskLost):
                act()
        registry.finish_task(old.id, PROCESS, SUCCESS)  # asked as though again
        assert registry.show_image(CTX, image.id).properties[LOCK] == wanted.id
        assert registry.show_task(CTX, old.id).status == "failure"

    # claiming

    def test_tasks_are_claimed_the_oldest_first(self, registry: Registry) -> None:
        tasks = [added(registry) for _ in range(3)]
        found = [registry.claim_task(PROCESS, ()) for _ in range(1)]
        found += [registry.claim_task(PROCESS, tuple(one.id for one in tasks[:count])) for count in (1, 2)]
        assert [one and one.id for one in found] == [one.id for one in tasks]
        assert {(one.status, one.process, one.attempts) for one in found if one} == {("processing", PROCESS, 1)}
        assert registry.claim_task(PROCESS, tuple(one.id for one in tasks)) is None

    def test_of_processes_that_claim_at_once_each_task_is_ones(self, registry: Registry) -> None:
        tasks = [added(registry).id for _ in range(6)]
        names = [f"process-{number}" for number in range(6)]
        for name in names:
            registry.renew_process(name, LONG)
        found: list[str] = []
        for _ in range(6):
            taken = tuple(found)
            answers = at_once(6, lambda n, taken=taken: registry.claim_task(names[n], taken))
            found += [one.id for one in answers if one is not None]
        assert sorted(found) == sorted(tasks)
        assert {registry.show_task(CTX, one).attempts for one in tasks} == {1}

    def test_a_task_of_another_living_process_is_left_alone(self, registry: Registry) -> None:
        registry.renew_process(OTHER, LONG)
        mine = added(registry, process=PROCESS)
        assert registry.claim_task(OTHER, ()) is None
        assert registry.claim_task(PROCESS, ()) is not None
        registry.reap_processes()
        assert registry.claim_task(OTHER, ()) is None
        assert registry.show_task(CTX, mine.id).process == PROCESS

    def test_one_of_ones_own_that_was_forgotten_is_claimed_again(self, registry: Registry) -> None:
        mine = added(registry)
        first, again = registry.claim_task(PROCESS, ()), registry.claim_task(PROCESS, ())
        assert first and again and (first.id, again.id, again.attempts) == (mine.id, mine.id, 2)
        assert registry.claim_task(PROCESS, (mine.id,)) is None

    def test_a_dead_processs_task_waits_for_another_from_the_reaping_on(self, registry: Registry) -> None:
        registry.renew_process(OTHER, SHORT)
        lost = added(registry, process=OTHER)
        assert registry.claim_task(OTHER, ()) is not None
        assert registry.claim_task(PROCESS, ()) is None
        until(lambda: registry.reap_processes() == 1)
        again = registry.claim_task(PROCESS, ())
        assert again and (again.id, again.process, again.attempts) == (lost.id, PROCESS, 2)
        with pytest.raises(TaskLost):
            registry.report_task(lost.id, OTHER, "still here", None)
        with pytest.raises(TaskLost):
            registry.finish_task(lost.id, OTHER, SUCCESS)

    def test_who_still_runs_a_task_that_was_reaped_is_not_given_it_a_second_time(self, registry: Registry) -> None:
        registry.renew_process(OTHER, SHORT)
        lost = added(registry, process=OTHER)
        registry.claim_task(OTHER, ())
        until(lambda: registry.reap_processes() == 1)
        registry.renew_process(OTHER, LONG)
        assert registry.claim_task(OTHER, (lost.id,)) is None
        with pytest.raises(TaskLost):
            registry.report_task(lost.id, OTHER, "still here", None)
        assert registry.claim_task(OTHER, ()) is not None

    def test_who_is_not_known_alive_claims_nothing(self, registry: Registry) -> None:
        waiting = added(registry)
        with pytest.raises(RegistryUnavailable):
            registry.claim_task("unknown", ())
        assert registry.show_task(CTX, waiting.id) == waiting

    def test_what_has_ended_is_not_claimed(self, registry: Registry) -> None:
        done = added(registry)
        registry.claim_task(PROCESS, ())
        registry.finish_task(done.id, PROCESS, Ending("failure", "no"))
        registry.end_process(PROCESS)
        registry.reap_processes()
        registry.renew_process(OTHER, LONG)
        assert registry.claim_task(OTHER, ()) is None

    # reporting

    def test_how_far_a_task_is_is_said_of_it_and_of_its_image(self, registry: Registry) -> None:
        image, mine = importing(registry, new(registry, properties={"p": "1"}))
        registry.report_task(mine.id, PROCESS, "half of it", None)
        assert registry.show_task(CTX, mine.id).message == "half of it"
        assert registry.show_image(CTX, image.id) == image
        registry.report_task(mine.id, PROCESS, "more", "5 of 10")
        found = registry.show_image(CTX, image.id)
        assert found.properties == {**image.properties, PROGRESS: "5 of 10"}
        assert registry.list_images(CTX, ImageQuery(5, properties=((PROGRESS, "5 of 10"),))) == (found,)

    def test_a_report_is_refused_where_the_task_or_its_image_is_gone(self, registry: Registry) -> None:
        image, mine = importing(registry, new(registry))
        with pytest.raises(TaskLost):
            registry.report_task(mine.id, OTHER, "mine", "1 of 2")
        assert registry.show_image(CTX, image.id) == image
        registry.delete_image(CTX, image.id, image.revision, None)
        with pytest.raises(ImageNotFound):
            registry.report_task(mine.id, PROCESS, "more", "1 of 2")
        registry.finish_task(mine.id, PROCESS, Ending("failure", "The image was deleted."))
        with pytest.raises(TaskLost):
            registry.report_task(mine.id, PROCESS, "late", None)
        with pytest.raises(TaskNotFound):
            registry.report_task(str(uuid.uuid4()), PROCESS, "?", None)

    def test_no_report_and_no_change_is_lost_among_many_at_once(self, registry: Registry) -> None:
        image, mine = importing(registry, new(registry))

        def act(number: int) -> None:
            if number % 2:
                registry.report_task(mine.id, PROCESS, f"m{number}", f"{number} of 8")
                return
            while True:
                now = registry.show_image(CTX, image.id)
                with suppress(ChangedMeanwhile):
                    properties = {**now.properties, f"p{number}": "1"}
                    registry.update_image(CTX, now, {"properties": properties})
                    return

        assert at_once(8, act) == [None] * 8
        found = registry.show_image(CTX, image.id).properties
        assert {f"p{number}" for number in range(0, 8, 2)} <= found.keys()
        assert found[PROGRESS].endswith(" of 8")
        assert found[LOCK] == mine.id

    # ending

    def test_an_end_is_the_tasks_and_its_images_in_one(self, registry: Registry) -> None:
        image, _ = staged(registry)
        image, mine = importing(registry, image)
        registry.report_task(mine.id, PROCESS, "…", "1 of 2")
        image = copied(registry, registry.show_image(CTX, image.id), mine, "fast")
        ended = registry.finish_task(mine.id, PROCESS, SUCCESS)
        assert (ended.status, ended.message, ended.result) == ("success", "Copied", {"image_id": "x"})
        assert ended.expires_at is not None and ended.expires_at > ended.updated_at
        found = registry.show_image(CTX, image.id)
        assert (found.status, texts(found.properties)) == ("active", {IMPORTING_TO: "", FAILED_IMPORT: ""})
        assert (registry.find_staged(image.id), states(registry)) == (None, ["dropping"])
        assert registry.finish_task(mine.id, PROCESS, Ending("failure", "asked again")) == ended
        assert registry.show_image(CTX, image.id) == found

    def test_an_end_whose_image_is_gone_is_still_the_tasks(self, registry: Registry) -> None:
        for delay in (None, LONG):
            image, mine = importing(registry, staged(registry)[0])
            registry.delete_image(CTX, image.id, image.revision, delay)
            ended = registry.finish_task(mine.id, PROCESS, SUCCESS)
            assert (ended.status, ended.message, ended.result) == ("failure", DELETED, None)
            with pytest.raises(ImageNotFound):
                registry.update_image(CTX, registry.show_image(ADMIN, image.id), {})
        assert set(states(registry)) == {"dropping"}

    def test_an_end_leaves_an_image_alone_that_is_another_tasks(self, registry: Registry) -> None:
        image, _ = filled(registry)
        image, mine = importing(registry, image, status=None)
        properties = {**image.properties, LOCK: "another task"}
        image = registry.update_image(CTX, image, {"properties": properties})
        ending = Ending("failure", "no", dropped_stores=("store",), properties={REASON: "no"})
        registry.finish_task(mine.id, PROCESS, ending)
        assert registry.show_image(CTX, image.id) == image

    def test_a_failure_gives_up_the_copies_that_were_made(self, registry: Registry) -> None:
        image, first = filled(registry)
        image, mine = importing(registry, image, status=None)
        for store in ("fast", "slow"):
            image = copied(registry, image, mine, store)
        registry.finish_task(mine.id, PROCESS, Ending("failure", "no", dropped_stores=("fast", "slow")))
        found = registry.show_image(CTX, image.id)
        assert (found.status, stores_of(found), found.os_hash_value) == ("active", ["store"], DATA.os_hash_value)
        assert states(registry, "fast") + states(registry, "slow") + states(registry, "store") == [
            "dropping", "dropping", "live",
        ]  # fmt: skip
        assert registry.abort_blob(first.key) == "live"

    def test_a_failure_never_gives_up_an_active_images_last_copies(self, registry: Registry) -> None:
        image, _ = filled(registry)
        image, mine = importing(registry, image, status=None)
        image = copied(registry, image, mine, "fast")
        left = tuple(place for place in image.locations if place.store == "fast")
        image = registry.update_image(CTX, image, {}, left)
        registry.finish_task(mine.id, PROCESS, Ending("failure", "no", dropped_stores=("fast", "slow")))
        found = registry.show_image(CTX, image.id)
        assert (found.status, stores_of(found), states(registry, "fast")) == ("active", ["fast"], ["live"])

    @pytest.mark.parametrize("keeps", [True, False])
    def test_staged_data_is_kept_for_another_import_or_dropped(self, registry: Registry, keeps: bool) -> None:
        image, _ = staged(registry)
        image, mine = importing(registry, image)
        image = copied(registry, image, mine, "fast")
        status = "uploading" if keeps else "queued"
        registry.finish_task(
            mine.id, PROCESS, Ending("failure", "no", None, status, dropped_stores=("fast",), keeps_staged=keeps)
        )
        found = registry.show_image(CTX, image.id)
        assert (found.status, found.size, found.os_hash_value, found.checksum, found.virtual_size) == (
            status, 10 if keeps else None, None, None, None,
        )  # fmt: skip
        assert states(registry) == (["staged"] if keeps else ["dropping"])

    def test_an_image_that_has_nothing_staged_waits_for_no_import(self, registry: Registry) -> None:
        image, mine = importing(registry, new(registry))
        registry.finish_task(mine.id, PROCESS, Ending("failure", "no", None, "uploading", keeps_staged=True))
        assert registry.show_image(CTX, image.id).status == "queued"

    def test_fields_and_properties_come_back(self, registry: Registry) -> None:
        image = new(registry, disk_format="raw", container_format="bare", properties={"mine": "1"})
        image, mine = importing(registry, image)
        now = registry.update_image(
            CTX, image,
            {"disk_format": "qcow2", "properties": {**image.properties, "injected": "1", "entered": "2"}},
        )  # fmt: skip
        registry.finish_task(
            mine.id,
            PROCESS,
            Ending("failure", "no", None, "queued", {"injected": None, REASON: "no"}, {"disk_format": "raw"}),
        )
        found = registry.show_image(CTX, now.id)
        assert (found.status, found.disk_format) == ("queued", "raw")
        assert {name for name in found.properties if LOCK not in name} == {
            "mine", "entered", REASON, IMPORTING_TO, FAILED_IMPORT,
        }  # fmt: skip
        assert registry.list_images(CTX, ImageQuery(5, properties=(("entered", "2"),))) == (found,)

    # staged data

    def test_properties_that_come_with_staged_data_join_those_that_there_are(self, registry: Registry) -> None:
        image = new(registry, properties={"mine": "1", "both": "old"})
        wanted = intent(image, store="staging", kind="stage", to="uploading")
        registry.begin_blob(CTX, wanted)
        now = registry.show_image(CTX, image.id)
        registry.update_image(CTX, now, {"properties": {**now.properties, "meanwhile": "2"}})
        parked = registry.park_blob(CTX, wanted, STAGED, {"properties": {"both": "new", "theirs": "3"}})
        assert parked.properties == {"mine": "1", "both": "new", "meanwhile": "2", "theirs": "3"}
        assert registry.list_images(CTX, ImageQuery(5, properties=(("theirs", "3"), ("both", "new")))) == (parked,)

    def test_staged_data_waits_for_its_import(self, registry: Registry) -> None:
        image = new(registry)
        wanted = intent(image, store="staging", kind="stage", to="uploading", declared=10)
        registry.begin_blob(CTX, wanted)
        assert registry.show_image(CTX, image.id).status == "uploading"
        assert registry.find_staged(image.id) is None
        parked = registry.park_blob(CTX, wanted, STAGED, {"disk_format": "raw"})
        assert (parked.status, parked.size, parked.disk_format, parked.os_hash_value) == ("uploading", 10, "raw", None)
        blob = registry.find_staged(image.id)
        assert blob and (blob.key, blob.store, blob.state, blob.size) == (wanted.key, "staging", "staged", 10)
        assert registry.park_blob(CTX, wanted, STAGED, {"disk_format": "iso"}) == parked
        assert registry.abort_blob(wanted.key) == "staged"
        assert registry.show_image(CTX, image.id) == parked
        registry.end_process(PROCESS)
        registry.reap_processes()
        assert registry.find_staged(image.id) == blob

    def test_new_staged_data_takes_the_place_of_the_old(self, registry: Registry) -> None:
        image, old = staged(registry)
        image, mine = importing(registry, image)
        wanted = rework(image, mine)
        registry.begin_blob(CTX, wanted)
        assert (blob := registry.find_staged(image.id)) and blob.key == old.key
        parked = registry.park_blob(CTX, wanted, replace(STAGED, size=7), {})
        assert (blob := registry.find_staged(image.id)) and (blob.key, blob.size) == (wanted.key, 7)
        assert (parked.status, parked.size, sorted(states(registry))) == ("importing", 7, ["dropping", "staged"])
        registry.record_unlink(wanted.key, 0.0)
        assert registry.find_staged(image.id) == blob

    def test_staging_that_is_given_up_leaves_the_image_as_it_was(self, registry: Registry) -> None:
        image = new(registry)
        first = intent(image, store="staging", kind="stage", to="uploading")
        registry.begin_blob(CTX, first)
        with pytest.raises(StatusConflict):
            registry.begin_blob(CTX, intent(image, store="staging", kind="stage", to="uploading"))
        registry.abort_blob(first.key)
        assert registry.show_image(CTX, image.id).status == "queued"
        with pytest.raises(StatusConflict):
            registry.park_blob(CTX, first, STAGED, {})
        with pytest.raises(Gone):
            registry.park_blob(CTX, replace(first, image_id=str(uuid.uuid4())), STAGED, {})

    def test_staging_is_lost_with_its_process(self, registry: Registry) -> None:
        registry.renew_process(OTHER, SHORT)
        wanted = intent(new(registry), store="staging", kind="stage", to="uploading", process=OTHER)
        registry.begin_blob(CTX, wanted)
        until(lambda: registry.reap_processes() == 1)
        assert (registry.show_image(CTX, wanted.image_id).status, states(registry)) == ("queued", ["dropping"])
        with pytest.raises(StatusConflict):
            registry.park_blob(CTX, wanted, STAGED, {})

    def test_staged_data_goes_with_its_image(self, registry: Registry) -> None:
        for delay in (None, LONG):
            image, _ = staged(registry)
            registry.delete_image(CTX, image.id, image.revision, delay)
            assert registry.find_staged(image.id) is None
        assert states(registry) == ["dropping"] * 2

    def test_a_delete_is_heard_when_staged_data_is_kept(self, registry: Registry) -> None:
        wanted = intent(new(registry), store="staging", kind="stage", to="uploading")
        registry.begin_blob(CTX, wanted)
        registry.delete_image(CTX, wanted.image_id, registry.show_image(CTX, wanted.image_id).revision, None)
        with pytest.raises(Gone):
            registry.park_blob(CTX, wanted, STAGED, {})
        assert registry.abort_blob(wanted.key) == "dropping"

    def test_staged_data_without_an_image_that_waits_is_found_amiss(self, registry: Registry) -> None:
        image, wanted = staged(registry)
        back = registry.update_image(CTX, image, {"status": "queued"})
        assert [one.subject for one in registry.check_invariants()] == [f"blob {wanted.key}"]
        back = registry.update_image(CTX, back, {"status": "importing"})
        assert [one.subject for one in registry.check_invariants()] == [f"image {image.id}"]
        registry.update_image(CTX, back, {"status": "uploading"})

    # copies

    def test_the_first_copy_says_what_the_image_is_and_more_come_behind_it(self, registry: Registry) -> None:
        image, mine = importing(registry, staged(registry)[0])
        wanted = copy(image, mine, store="slow")
        registry.begin_blob(CTX, wanted)
        assert registry.show_image(CTX, image.id).status == "importing"
        first = registry.commit_copy(CTX, wanted, DATA, "slow://1")
        assert (first.size, first.checksum, first.os_hash_value, first.virtual_size) == (
            10, DATA.checksum, DATA.os_hash_value, 20,
        )  # fmt: skip
        assert (first.status, first.properties[IMPORTING_TO], stores_of(first)) == ("importing", "fast", ["slow"])
        assert registry.commit_copy(CTX, wanted, DATA, "slow://1") == first
        second = copied(registry, first, mine, "fast")
        assert (second.properties[IMPORTING_TO], stores_of(second)) == ("", ["slow", "fast"])
        assert [place.url for place in second.locations] == ["slow://1", "fast://x"]
        assert {place.metadata["store"] for place in second.locations} == {"slow", "fast"}
        registry.finish_task(mine.id, PROCESS, SUCCESS)

    def test_a_copy_with_other_hashes_is_refused(self, registry: Registry) -> None:
        image, _ = filled(registry)
        image, mine = importing(registry, image, status=None)
        wanted = copy(image, mine, store="slow")
        registry.begin_blob(CTX, wanted)
        with pytest.raises(CopyDiffers):
            registry.commit_copy(CTX, wanted, replace(DATA, os_hash_value="f" * 128), "slow://x")
        assert registry.show_image(CTX, image.id).locations == image.locations
        assert registry.abort_blob(wanted.key) == "dropping"
        assert registry.show_image(CTX, image.id).status == "active"

    def test_bytes_are_moved_only_for_a_task_that_is_ones_own(self, registry: Registry) -> None:
        image, mine = importing(registry, staged(registry)[0])
        registry.renew_process(OTHER, LONG)
        for wanted in (copy(image, mine, process=OTHER), copy(image, replace(mine, id=str(uuid.uuid4())))):
            with pytest.raises(TaskLost):
                registry.begin_blob(CTX, wanted)
        assert states(registry, "store") == []
        assert registry.show_image(CTX, image.id) == image

    def test_who_has_lost_the_task_brings_nothing_in_any_more(self, registry: Registry) -> None:
        registry.renew_process(OTHER, SHORT)
        image, mine = importing(registry, staged(registry)[0], process=OTHER)
        late = copy(image, mine, process=OTHER, store="fast")
        parked = rework(image, mine, process=OTHER)
        for wanted in (late, parked):
            registry.begin_blob(CTX, wanted)
        until(lambda: registry.reap_processes() == 1)
        registry.renew_process(OTHER, LONG)
        claimed = registry.claim_task(PROCESS, ())
        assert claimed is not None
        before = registry.show_image(CTX, image.id)
        for act in (
            lambda: registry.commit_copy(CTX, late, DATA, "fast://x"),
            lambda: registry.park_blob(CTX, parked, STAGED, {"disk_format": "iso"}),
            lambda: registry.begin_blob(CTX, copy(image, mine, process=OTHER, store="slow")),
            lambda: registry.report_task(mine.id, OTHER, "late", "1 of 2"),
            lambda: registry.finish_task(mine.id, OTHER, SUCCESS),
        ):
            with pytest.raises(TaskLost):
                act()
        assert registry.show_image(CTX, image.id) == before
        assert [registry.abort_blob(one.key) for one in (late, parked)] == ["dropping"] * 2
        copied(registry, before, claimed, "fast")
        assert registry.finish_task(mine.id, PROCESS, SUCCESS).status == "success"

    def test_a_delete_is_heard_when_a_copy_is_there(self, registry: Registry) -> None:
        image, mine = importing(registry, staged(registry)[0])
        wanted = copy(image, mine, store="fast")
        registry.begin_blob(CTX, wanted)
        registry.delete_image(CTX, image.id, registry.show_image(CTX, image.id).revision, None)
        with pytest.raises(Gone):
            registry.commit_copy(CTX, wanted, DATA, "fast://x")
        with pytest.raises(ImageNotFound):
            registry.begin_blob(CTX, copy(image, mine, store="slow"))
        assert registry.abort_blob(wanted.key) == "dropping"
        registry.finish_task(mine.id, PROCESS, Ending("failure", "gone"))

    def test_copies_count_against_the_quota(self, registry: Registry) -> None:
        image, _ = filled(registry)
        image, mine = importing(registry, image, status=None)
        with pytest.raises(QuotaExceeded):
            registry.begin_blob(CTX, copy(image, mine, store="slow", declared=10, quota=19))
        wanted = copy(image, mine, store="slow", quota=19)
        assert registry.begin_blob(CTX, wanted) == 9
        with pytest.raises(QuotaExceeded):
            registry.commit_copy(CTX, wanted, DATA, "slow://x")
        registry.abort_blob(wanted.key)
        more = copy(image, mine, store="slow", declared=10, quota=20)
        assert registry.begin_blob(CTX, more) == 10
        assert stores_of(registry.commit_copy(CTX, more, DATA, "slow://x")) == ["store", "slow"]

    # usage

    def test_what_is_staged_counts_apart_until_it_is_the_images(self, registry: Registry) -> None:
        image = new(registry)
        wanted = intent(image, store="staging", kind="stage", to="uploading", declared=8)
        registry.begin_blob(CTX, wanted)
        assert registry.show_usage(CTX, "mine") == Usage(staged=8, images=1, uploading=1)
        image = registry.park_blob(CTX, wanted, STAGED, {})
        assert registry.show_usage(CTX, "mine") == Usage(staged=10, images=1, uploading=1)
        image, mine = importing(registry, image)
        assert registry.show_usage(CTX, "mine") == Usage(staged=10, images=1, uploading=1)
        for store in ("fast", "slow"):
            image = copied(registry, image, mine, store)
        registry.finish_task(mine.id, PROCESS, SUCCESS)
        assert registry.show_usage(CTX, "mine") == Usage(size=20, images=1)

    def test_what_is_staged_beyond_a_bound_is_refused(self, registry: Registry) -> None:
        bounds = {STAGE.name: 20, UPLOADING.name: 2}
        staged(registry, bounds=bounds)
        with pytest.raises(LimitExceeded):
            staged(registry, declared=11, bounds=bounds)
        wanted = intent(new(registry), store="staging", kind="stage", to="uploading", bounds=bounds)
        registry.begin_blob(CTX, wanted)
        with pytest.raises(LimitExceeded):
            registry.park_blob(CTX, wanted, replace(STAGED, size=11), {})
        registry.park_blob(CTX, wanted, STAGED, {})
        with pytest.raises(LimitExceeded):
            staged(registry, size=0, bounds={UPLOADING.name: 2})
        assert registry.show_usage(CTX, "mine") == Usage(staged=20, images=4, uploading=2)

    # lists

    def test_tasks_are_listed_the_newest_first_page_by_page(self, registry: Registry) -> None:
        tasks = [added(registry) for _ in range(5)]
        newest = [one.id for one in reversed(tasks)]
        page = registry.list_tasks(CTX, TaskQuery(2))
        assert [one.id for one in page] == newest[:2]
        rest = registry.list_tasks(CTX, TaskQuery(9, marker=page[-1].id))
        assert [one.id for one in rest] == newest[2:]
        upwards = registry.list_tasks(CTX, TaskQuery(9, is_ascending=True, marker=tasks[1].id))
        assert [one.id for one in upwards] == [one.id for one in tasks[2:]]
        assert registry.list_tasks(CTX, TaskQuery(9, marker=tasks[0].id)) == ()
        with pytest.raises(InvalidTaskMarker):
            registry.list_tasks(CTX, TaskQuery(2, marker=str(uuid.uuid4())))

    @pytest.mark.parametrize("key", ["id", "status", "type", "updated_at", "expires_at", "created_at"])
    def test_pages_in_any_order_hold_each_task_once(self, registry: Registry, key: str) -> None:
        for number in range(6):
            added(registry, type=("import", "api_image_import")[number % 2])
        for _ in range(2):
            claimed = registry.claim_task(PROCESS, ())
            assert claimed
            registry.finish_task(claimed.id, PROCESS, Ending("success"))
        for upwards in (True, False):
            seen: list[Task] = []
            marker = None
            while page := registry.list_tasks(CTX, TaskQuery(2, sort_key=key, is_ascending=upwards, marker=marker)):
                seen += page
                marker = page[-1].id
            values = [(getattr(one, key) or 0, one.id) for one in seen]
            assert len(set(values)) == 6
            assert values == sorted(values, reverse=not upwards)

    def test_tasks_are_filtered_and_ones_own_only(self, registry: Registry) -> None:
        mine, old = added(registry), added(registry, type="import")
        theirs = added(registry, owner="theirs")
        claimed = registry.claim_task(PROCESS, ())
        assert claimed and claimed.id == mine.id

        def found(context: Any, **values: Any) -> set[str]:
            return {one.id for one in registry.list_tasks(context, TaskQuery(9, **values))}

        assert found(CTX) == {mine.id, old.id}
        assert found(CTX, status="processing") == {mine.id}
        assert found(CTX, type="import") == {old.id}
        assert found(CTX, type="import", status="processing") == set()
        assert found(ADMIN) == {mine.id, old.id, theirs.id}
        assert found(STRANGER) == {theirs.id}
        with pytest.raises(InvalidTaskMarker):
            registry.list_tasks(STRANGER, TaskQuery(9, marker=mine.id))
        with pytest.raises(TaskNotFound):
            registry.show_task(STRANGER, mine.id)
        assert registry.show_task(ADMIN, mine.id).owner == "mine"

    def test_an_images_tasks_are_listed_the_oldest_first(self, registry: Registry) -> None:
        image, other = new(registry), new(registry)
        tasks = [added(registry, image) for _ in range(3)]
        added(registry, other)
        theirs = added(registry, image, owner="theirs")
        assert [one.id for one in registry.list_image_tasks(CTX, image.id)] == [one.id for one in tasks]
        assert [one.id for one in registry.list_image_tasks(STRANGER, image.id)] == [theirs.id]
        assert len(registry.list_image_tasks(ADMIN, image.id)) == 4
        assert registry.list_image_tasks(CTX, str(uuid.uuid4())) == ()

    def test_an_ended_task_is_known_until_it_expires(self, registry: Registry) -> None:
        image = new(registry)
        done, waiting = added(registry, image), added(registry, image)
        registry.claim_task(PROCESS, ())
        registry.finish_task(done.id, PROCESS, Ending("success", expires_in=SHORT))
        assert registry.show_task(CTX, done.id).status == "success"
        until(lambda: raised(lambda: registry.show_task(CTX, done.id)) == "TaskNotFound")
        assert registry.list_tasks(CTX, TaskQuery(9)) == (waiting,)
        assert registry.list_image_tasks(ADMIN, image.id) == (waiting,)
        with pytest.raises(InvalidTaskMarker):
            registry.list_tasks(CTX, TaskQuery(9, marker=done.id))
        registry.reap_processes()
        registry.add_task(CTX, replace(done, type="import"))  # its row is gone
