"""The part of the registry's contract that is about bytes: blobs, processes, quotas and stores."""

import uuid
from dataclasses import replace

import pytest
from contract.registry_rig import ADMIN, CTX, DATA, LONG, SHORT, at_once, filled, intent, new, size_of, states, until

from glancelite.domain.ports import Registry
from glancelite.errors import (
    ChangedMeanwhile,
    Gone,
    QuotaExceeded,
    RegistryUnavailable,
    StatusConflict,
)


class BlobContract:
    def test_data_makes_an_image_active_at_its_place(self, registry: Registry) -> None:
        image = new(registry)
        wanted = intent(image, declared=10)
        assert registry.begin_blob(CTX, wanted) is None
        busy = registry.show_image(CTX, image.id)
        assert (busy.status, busy.size, busy.locations) == ("saving", None, ())
        assert states(registry) == {wanted.key: "writing"}
        registry.commit_blob(CTX, wanted, DATA, "place://x")
        active = registry.show_image(CTX, image.id)
        assert (active.status, active.size, active.virtual_size) == ("active", 10, 20)
        assert (active.checksum, active.os_hash_value) == (DATA.checksum, DATA.os_hash_value)
        (location,) = active.locations
        assert (location.url, location.store, location.blob) == ("place://x", "store", wanted.key)
        assert location.metadata == {"store": "store"}
        (blob,) = registry.list_blobs("store", "", 10)
        assert (blob.state, blob.size, blob.image_id, blob.os_hash_value) == ("live", 10, image.id, DATA.os_hash_value)

    def test_each_step_may_be_asked_again(self, registry: Registry) -> None:
        wanted = intent(new(registry))
        assert registry.begin_blob(CTX, wanted) == registry.begin_blob(CTX, wanted)
        registry.commit_blob(CTX, wanted, DATA, "place://x")
        first = registry.show_image(CTX, wanted.image_id)
        registry.commit_blob(CTX, wanted, DATA, "place://x")
        assert registry.show_image(CTX, wanted.image_id) == first
        other = intent(new(registry))
        registry.begin_blob(CTX, other)
        assert [registry.abort_blob(other.key) for _ in range(2)] == ["dropping", "dropping"]

    def test_a_blob_of_an_image_that_stays_as_it_is_may_be_begun_again(self, registry: Registry) -> None:
        image, first = filled(registry)
        more = intent(image, kind="copy", expect="active", to="active", if_lost="active")
        assert registry.begin_blob(CTX, more) == registry.begin_blob(CTX, more)
        assert states(registry) == {first.key: "live", more.key: "writing"}

    def test_an_aborted_blob_leaves_its_image_as_it_was_and_its_bytes_to_drop(self, registry: Registry) -> None:
        image = new(registry, disk_format="raw")
        wanted = intent(image, declared=5)
        registry.begin_blob(CTX, wanted)
        assert registry.abort_blob(wanted.key) == "dropping"
        again = registry.show_image(CTX, image.id)
        assert (again.status, again.size, again.locations) == ("queued", None, ())
        assert registry.list_droppable("store", 10) == (wanted.key,)
        with pytest.raises(StatusConflict):
            registry.commit_blob(CTX, wanted, DATA, "place://x")
        assert registry.show_image(CTX, image.id).status == "queued"

    def test_data_is_begun_only_for_the_formats_that_it_will_be_checked_against(self, registry: Registry) -> None:
        image = new(registry, disk_format="raw", container_format="bare")
        for changed in ({"disk_format": "qcow2"}, {"container_format": "ovf"}):
            with pytest.raises(ChangedMeanwhile):
                registry.begin_blob(CTX, replace(intent(image), **changed))
        assert registry.show_image(CTX, image.id).status == "queued"
        assert states(registry) == {}
        registry.begin_blob(CTX, replace(intent(image), disk_format="raw", container_format="bare"))

    def test_what_a_process_is_writing_is_told(self, registry: Registry) -> None:
        wanted, done = intent(new(registry)), intent(new(registry))
        for each in (wanted, done):
            registry.begin_blob(CTX, each)
        registry.commit_blob(CTX, done, DATA, "place://x")
        assert registry.list_writing("store", wanted.process) == (wanted.key,)
        assert registry.list_writing("store", str(uuid.uuid4())) == ()
        assert registry.list_writing("another", wanted.process) == ()
        registry.abort_blob(wanted.key)
        assert registry.list_writing("store", wanted.process) == ()

    def test_what_is_live_is_never_aborted(self, registry: Registry) -> None:
        image, wanted = filled(registry)
        assert registry.abort_blob(wanted.key) == "live"
        assert registry.show_image(CTX, image.id) == image
        assert registry.abort_blob(str(uuid.uuid4())) == "gone"

    def test_an_image_takes_one_blob_at_a_time(self, registry: Registry) -> None:
        image = new(registry)
        answers = at_once(4, lambda n: registry.begin_blob(CTX, intent(image, key=f"key-{n}")))
        assert sorted(type(answer).__name__ for answer in answers) == ["NoneType"] + ["StatusConflict"] * 3
        ((key, state),) = states(registry).items()
        assert (key, state) == (f"key-{answers.index(None)}", "writing")
        with pytest.raises(StatusConflict, match="from saving to saving"):
            registry.begin_blob(CTX, intent(image))
        active, _ = filled(registry)
        with pytest.raises(StatusConflict, match="from active to saving"):
            registry.begin_blob(CTX, intent(active))

    def test_a_delete_during_an_upload_is_heard_at_its_end(self, registry: Registry) -> None:
        image = new(registry)
        wanted = intent(image)
        registry.begin_blob(CTX, wanted)
        registry.delete_image(CTX, image.id, 1, None)
        assert states(registry) == {wanted.key: "writing"}
        with pytest.raises(Gone):
            registry.commit_blob(CTX, wanted, DATA, "place://x")
        assert registry.abort_blob(wanted.key) == "dropping"

    def test_only_the_process_that_began_a_blob_commits_it(self, registry: Registry) -> None:
        wanted = intent(new(registry))
        registry.begin_blob(CTX, wanted)
        registry.renew_process("other", LONG)
        with pytest.raises(StatusConflict):
            registry.commit_blob(CTX, replace(wanted, process="other"), DATA, "place://x")
        assert registry.show_image(CTX, wanted.image_id).status == "saving"
        registry.commit_blob(CTX, wanted, DATA, "place://x")
        assert registry.show_image(CTX, wanted.image_id).status == "active"

    def test_a_process_that_is_not_known_alive_begins_nothing(self, registry: Registry) -> None:
        image = new(registry)
        with pytest.raises(RegistryUnavailable):
            registry.begin_blob(CTX, intent(image, process="unknown"))
        assert (registry.show_image(CTX, image.id), states(registry)) == (image, {})

    def test_the_work_of_a_lost_process_is_given_up(self, registry: Registry) -> None:
        image, other = new(registry), new(registry)
        mine, kept = intent(image, process="short"), intent(other)
        assert registry.renew_process("short", SHORT) is False
        assert registry.renew_process("short", SHORT) is True
        registry.begin_blob(CTX, mine)
        registry.begin_blob(CTX, kept)
        assert registry.reap_processes() == 0
        until(lambda: registry.reap_processes() == 1)
        assert states(registry) == {mine.key: "dropping", kept.key: "writing"}
        assert registry.show_image(CTX, image.id).status == "queued"
        assert registry.show_image(CTX, other.id).status == "saving"
        assert registry.renew_process("short", LONG) is False
        with pytest.raises(StatusConflict):
            registry.commit_blob(CTX, mine, DATA, "place://x")
        again = intent(image)
        registry.begin_blob(CTX, again)
        registry.commit_blob(CTX, again, DATA, "place://y")
        assert registry.show_image(CTX, again.image_id).status == "active"

    def test_the_work_of_a_process_that_ends_in_order_is_lost_at_once(self, registry: Registry) -> None:
        registry.renew_process("other", LONG)
        wanted = intent(new(registry), process="other")
        registry.begin_blob(CTX, wanted)
        registry.end_process("other")
        registry.reap_processes()
        assert states(registry) == {wanted.key: "dropping"}

    def test_a_blob_is_unlinked_twice_a_lease_apart_and_then_forgotten(self, registry: Registry) -> None:
        wanted = intent(new(registry))
        registry.begin_blob(CTX, wanted)
        registry.abort_blob(wanted.key)
        registry.record_unlink(wanted.key, SHORT)
        assert (registry.list_droppable("store", 10), states(registry)) == ((), {wanted.key: "dropping"})
        registry.record_unlink(wanted.key, SHORT)  # too early to be the second time
        assert states(registry) == {wanted.key: "dropping"}
        until(lambda: registry.list_droppable("store", 10) == (wanted.key,))
        registry.record_unlink(wanted.key, SHORT)
        assert states(registry) == {}
        registry.record_unlink(wanted.key, SHORT)

    def test_what_is_written_or_live_is_not_forgotten_by_an_unlink(self, registry: Registry) -> None:
        _, live = filled(registry)
        writing = intent(new(registry))
        registry.begin_blob(CTX, writing)
        for key in (live.key, writing.key):
            registry.record_unlink(key, 0.0)
        assert states(registry) == {live.key: "live", writing.key: "writing"}

    def test_blobs_are_listed_by_store_in_order_of_their_keys(self, registry: Registry) -> None:
        keys = sorted(filled(registry)[1].key for _ in range(5))
        elsewhere = intent(new(registry), store="elsewhere")
        registry.begin_blob(CTX, elsewhere)
        assert [blob.key for blob in registry.list_blobs("store", "", 3)] == keys[:3]
        assert [blob.key for blob in registry.list_blobs("store", keys[2], 3)] == keys[3:]
        assert [blob.key for blob in registry.list_blobs("elsewhere", "", 3)] == [elsewhere.key]

    # quotas

    def test_declared_bytes_count_against_the_quota_from_the_first_moment(self, registry: Registry) -> None:
        first, second = intent(new(registry), declared=60, quota=100), intent(new(registry), declared=41, quota=100)
        assert registry.begin_blob(CTX, first) == 100
        with pytest.raises(QuotaExceeded) as refusal:
            registry.begin_blob(CTX, second)
        assert refusal.value.details == {"what": "bytes of image data", "attempted": 101, "maximum": 100}
        assert (registry.show_image(CTX, second.image_id).status, list(states(registry))) == ("queued", [first.key])
        third = intent(new(registry), quota=100)
        assert registry.begin_blob(CTX, third) == 40
        with pytest.raises(QuotaExceeded):
            registry.commit_blob(CTX, third, size_of(41), "place://x")
        assert registry.show_image(CTX, third.image_id).status == "saving"
        registry.abort_blob(first.key)
        registry.commit_blob(CTX, third, size_of(100), "place://x")
        assert registry.show_image(CTX, third.image_id).size == 100

    def test_a_quota_is_a_projects_own(self, registry: Registry) -> None:
        filled(registry, size_of(100))
        theirs = intent(new(registry, owner="theirs"), declared=100, quota=100)
        nobodys = intent(new(registry, owner=None), declared=100, quota=100)
        assert [registry.begin_blob(ADMIN, one) for one in (theirs, nobodys)] == [100, 100]
        with pytest.raises(QuotaExceeded):
            registry.begin_blob(ADMIN, intent(new(registry, owner=None), declared=1, quota=100))

    def test_deleted_bytes_do_not_count(self, registry: Registry) -> None:
        image, _ = filled(registry, size_of(100))
        registry.delete_image(CTX, image.id, image.revision, None)
        assert registry.begin_blob(CTX, intent(new(registry), declared=100, quota=100)) == 100

    def test_of_uploads_begun_at_once_only_as_many_as_fit_begin(self, registry: Registry) -> None:
        registry.claim_store("store", "marker")
        wanted = [intent(new(registry), declared=40, quota=100) for _ in range(4)]
        answers = at_once(4, lambda n: registry.begin_blob(CTX, wanted[n]))
        assert sorted(type(answer).__name__ for answer in answers) == ["QuotaExceeded"] * 2 + ["int"] * 2

    # stores

    def test_the_first_marker_of_a_store_is_its_marker(self, registry: Registry) -> None:
        assert registry.show_marker("store") is None
        answers = at_once(4, lambda n: registry.claim_store("store", f"marker-{n}"))
        assert len(set(answers)) == 1
        assert registry.claim_store("store", "late") == registry.show_marker("store") == answers[0]

    def test_one_process_at_a_time_tends_a_store(self, registry: Registry) -> None:
        assert not registry.tend_store("store", "a", LONG)
        registry.claim_store("store", "marker")
        assert registry.tend_store("store", "a", LONG)
        assert registry.tend_store("store", "a", SHORT)
        assert not registry.tend_store("store", "b", LONG)
        until(lambda: registry.tend_store("store", "b", LONG))
        assert not registry.tend_store("store", "a", LONG)
        registry.end_process("b")
        assert registry.tend_store("store", "a", LONG)

    def test_a_closed_registry_opens_again_when_it_is_asked(self, registry: Registry) -> None:
        image = new(registry)
        registry.close()
        assert registry.show_image(CTX, image.id) == image
