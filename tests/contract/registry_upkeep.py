"""The part of the registry's contract that the commands of an operator stand on."""

import time
import uuid
from dataclasses import replace

import pytest
from contract.registry_rig import CTX, DATA, LONG, SHORT, filled, intent, new, until

from glancelite.domain.ports import Registry
from glancelite.errors import ImageExists


class UpkeepContract:
    def test_its_clock_is_the_time(self, registry: Registry) -> None:
        assert registry.read_clock() == pytest.approx(time.time(), abs=30)

    def test_keys_are_known_in_any_store_and_state(self, registry: Registry) -> None:
        _, live = filled(registry)
        elsewhere = intent(new(registry), store="elsewhere")
        registry.begin_blob(CTX, elsewhere)
        dropping = intent(new(registry))
        registry.begin_blob(CTX, dropping)
        registry.abort_blob(dropping.key)
        keys = (live.key, elsewhere.key, dropping.key)
        assert set(registry.find_known((*keys, str(uuid.uuid4())))) == set(keys)
        assert registry.find_known(()) == ()

    def test_the_stores_are_those_that_have_data(self, registry: Registry) -> None:
        assert registry.list_stores() == ()
        filled(registry)
        registry.begin_blob(CTX, intent(new(registry), store="elsewhere"))
        assert registry.list_stores() == ("store",)

    def test_a_size_is_put_right_in_the_blob_and_in_its_image_once(self, registry: Registry) -> None:
        image, wanted = filled(registry)
        assert registry.correct_size(wanted.key, 11) is True
        (blob,) = registry.list_blobs("store", "", 10)
        shown = registry.show_image(CTX, image.id)
        assert (blob.size, shown.size, shown.checksum) == (11, 11, DATA.checksum)
        assert shown.revision > image.revision
        assert registry.correct_size(wanted.key, 11) is False
        assert registry.show_image(CTX, image.id).revision == shown.revision

    def test_a_size_of_what_is_not_live_is_left_alone(self, registry: Registry) -> None:
        wanted = intent(new(registry))
        registry.begin_blob(CTX, wanted)
        assert registry.correct_size(wanted.key, 11) is False
        assert registry.correct_size(str(uuid.uuid4()), 11) is False

    def test_a_purge_forgets_what_was_deleted_long_ago_but_never_its_id(self, registry: Registry) -> None:
        image = new(registry, name="secret", tags=("a",), properties={"p": "1"})
        registry.delete_image(CTX, image.id, image.revision, None)
        standing = new(registry, name="standing")
        assert registry.purge_images(LONG, 100) == 0
        assert registry.purge_images(0, 100) == 1
        assert registry.purge_images(0, 100) == 0
        assert registry.show_image(CTX, standing.id) == standing
        with pytest.raises(ImageExists):
            registry.create_image(CTX, replace(image, revision=1))

    def test_a_purge_takes_no_more_than_it_is_told_to(self, registry: Registry) -> None:
        for number in range(3):
            image = new(registry, name=f"n{number}")
            registry.delete_image(CTX, image.id, image.revision, None)
        assert [registry.purge_images(0, 2) for _ in range(3)] == [2, 1, 0]

    def test_an_image_whose_bytes_are_not_gone_yet_is_not_purged(self, registry: Registry) -> None:
        image, wanted = filled(registry, name="heavy")
        registry.delete_image(CTX, image.id, image.revision, None)
        assert registry.purge_images(0, 100) == 0
        registry.record_unlink(wanted.key, SHORT)
        until(lambda: registry.list_droppable("store", 10) == (wanted.key,))
        registry.record_unlink(wanted.key, SHORT)
        assert registry.purge_images(0, 100) == 1
