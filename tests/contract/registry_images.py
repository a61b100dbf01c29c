"""The part of the registry's contract that is about images and lists of them."""

import time
import uuid
from dataclasses import replace
from typing import Any

import pytest
from contract.registry_rig import ADMIN, CTX, LONG, SHORT, STRANGER, at_once, filled, intent, new, states

from glancelite.domain.image import Image
from glancelite.domain.ports import Registry
from glancelite.domain.query import Condition, ImageQuery
from glancelite.errors import (
    ChangedMeanwhile,
    ImageExists,
    ImageNotFound,
    InvalidMarker,
)


class ImageContract:
    def test_the_schema_is_the_one_that_the_code_wants(self, registry: Registry) -> None:
        assert registry.show_status().is_current

    def test_an_image_is_kept_as_it_was_given(self, registry: Registry) -> None:
        given = {
            "name": "ü", "visibility": "private", "protected": True, "os_hidden": True, "container_format": "bare",
            "disk_format": "raw", "min_ram": 5, "min_disk": 2147483647, "tags": ("b", "a", ""),
            "properties": {"": "x", "a": None, "p" * 255: "y" * 70000},
        }  # fmt: skip
        image = new(registry, **given)
        assert {name: getattr(image, name) for name in given} == given
        assert (image.status, image.revision, image.locations) == ("queued", 0, ())
        assert abs(image.created_at / 1e6 - time.time()) < 60
        assert image.updated_at == image.created_at
        assert registry.show_image(CTX, image.id) == image

    def test_an_id_is_taken_for_ever(self, registry: Registry) -> None:
        for delay in (None, 0.0, LONG):
            image, _ = filled(registry)
            registry.delete_image(CTX, image.id, image.revision, delay)
            registry.reap_processes()
            with pytest.raises(ImageExists, match=image.id):
                new(registry, id=image.id)
        image = new(registry)
        with pytest.raises(ImageExists):
            new(registry, id=image.id, owner="theirs")
        assert registry.show_image(CTX, image.id) == image

    def test_ids_differ_by_the_case_of_their_letters(self, registry: Registry) -> None:
        image = new(registry, id=str(uuid.uuid4()).upper().replace("0", "A"))
        with pytest.raises(ImageNotFound):
            registry.show_image(ADMIN, image.id.lower())

    def test_an_image_that_the_caller_may_not_see_does_not_exist(self, registry: Registry) -> None:
        image = new(registry)
        for context, image_id in ((STRANGER, image.id), (ADMIN, str(uuid.uuid4())), (ADMIN, "x"), (ADMIN, "\0")):
            with pytest.raises(ImageNotFound) as refusal:
                registry.show_image(context, image_id)
            assert refusal.value.details == {"image_id": image_id}

    def test_an_update_sets_what_it_names_and_counts_the_revision(self, registry: Registry) -> None:
        image = new(registry, name="old", tags=("a", "b"), properties={"p": "1", "q": "2"})
        changed = registry.update_image(CTX, image, {"name": None, "min_ram": 7, "os_hidden": True})
        assert (changed.name, changed.min_ram, changed.os_hidden, changed.revision) == (None, 7, True, 1)
        assert (changed.tags, changed.properties) == (image.tags, image.properties)
        assert changed.updated_at >= image.updated_at
        again = registry.update_image(CTX, changed, {"tags": ("c", "a"), "properties": {"q": "3", "r": None}})
        assert (again.tags, again.properties, again.revision) == (("c", "a"), {"q": "3", "r": None}, 2)
        assert registry.show_image(CTX, image.id) == again

    def test_a_change_on_top_of_another_revision_is_refused_and_changes_nothing(self, registry: Registry) -> None:
        image = new(registry, tags=("a",))
        current = registry.update_image(CTX, image, {"name": "x"})
        for revision in (0, 2):
            with pytest.raises(ChangedMeanwhile):
                registry.update_image(CTX, replace(image, revision=revision), {"name": "y", "tags": ("b",)})
            with pytest.raises(ChangedMeanwhile):
                registry.delete_image(CTX, image.id, revision, None)
        assert registry.show_image(CTX, image.id) == current

    def test_of_changes_made_at_once_one_wins(self, registry: Registry) -> None:
        image = new(registry)
        answers = at_once(4, lambda n: registry.update_image(CTX, image, {"tags": (str(n),)}))
        assert sorted(type(answer).__name__ for answer in answers) == ["ChangedMeanwhile"] * 3 + ["Image"]
        (winner,) = [answer for answer in answers if isinstance(answer, Image)]
        assert registry.show_image(CTX, image.id) == winner

    def test_a_deleted_image_is_gone_for_everybody_and_every_operation(self, registry: Registry) -> None:
        for delay in (None, LONG):
            image, wanted = filled(registry)
            registry.delete_image(CTX, image.id, image.revision, delay)
            gone = replace(image, revision=image.revision + 1)
            for act in (
                lambda image=image: registry.show_image(ADMIN, image.id),
                lambda gone=gone: registry.update_image(ADMIN, gone, {"name": "x"}),
                lambda image=image: registry.delete_image(ADMIN, image.id, image.revision + 1, None),
                lambda image=image: registry.begin_blob(ADMIN, intent(image)),
            ):
                with pytest.raises(ImageNotFound):
                    act()
            assert registry.list_images(ADMIN, ImageQuery(10, visibility="all")) == ()
            assert states(registry)[wanted.key] == ("dropping" if delay is None else "live")

    def test_a_delayed_delete_comes_true_when_its_time_has_come(self, registry: Registry) -> None:
        image, wanted = filled(registry, tags=("t",))
        registry.delete_image(CTX, image.id, image.revision, SHORT)
        registry.reap_processes()
        assert states(registry) == {wanted.key: "live"}
        time.sleep(SHORT + 0.05)
        registry.reap_processes()
        assert registry.list_droppable("store", 10) == (wanted.key,)

    # lists

    def test_a_list_finds_by_condition_tag_and_property(self, registry: Registry) -> None:
        one = new(registry, name="one", tags=("a", "b"), properties={"p": "1", "q": "x"}, min_ram=1)
        two = new(registry, name="two", tags=("a",), properties={"p": "1"}, min_ram=2)

        def found(**asked: Any) -> list[str | None]:
            return [image.name for image in registry.list_images(CTX, ImageQuery(10, **asked))]

        assert found() == ["two", "one"]
        assert found(tags=("a",)) == ["two", "one"]
        assert found(tags=("a", "b")) == found(tags=("a", "a", "b")) == ["one"]
        assert found(properties=(("p", "1"), ("q", "x"))) == ["one"]
        assert found(properties=(("p", "2"),)) == found(properties=(("p1", ""),)) == found(tags=("p\0001",)) == []
        assert found(tags=("a",), properties=(("q", "x"),)) == ["one"]
        assert found(conditions=(Condition("name", "in", ("two",)),)) == ["two"]
        assert found(conditions=(Condition("name", "in", ("one", "two")),)) == ["two", "one"]
        assert found(conditions=(Condition("min_ram", "at_least", (2,)),)) == ["two"]
        assert found(conditions=(Condition("min_ram", "below", (2,)),)) == ["one"]
        assert found(conditions=(Condition("min_ram", "within", (1, 2)),)) == ["one"]
        assert found(conditions=(Condition("min_ram", "outside", (1, 2)),)) == ["two"]
        assert found(marker=two.id) == ["one"]
        assert found(marker=one.id) == []
        assert found(is_empty=True) == found(os_hidden=True) == []

    def test_a_listed_image_is_whole(self, registry: Registry) -> None:
        image, _ = filled(registry, tags=("b", "a"), properties={"p": None})
        assert registry.list_images(CTX, ImageQuery(10)) == (registry.show_image(CTX, image.id),)
        assert len(image.locations) == 1

    def test_every_order_is_walked_to_its_end_by_markers(self, registry: Registry) -> None:
        for number in range(9):
            new(registry, name=(None, "", "B", "a", "é")[number % 5], disk_format=(None, "raw")[number % 2])
        filled(registry, name="a")
        for key in ("name", "size", "disk_format", "status", "created_at", "id"):
            for is_up in (True, False):
                sort = tuple({key: is_up, "created_at": False, "id": False}.items())
                if key == "created_at":
                    sort = (("created_at", is_up), ("id", False))
                whole = [image.id for image in registry.list_images(CTX, ImageQuery(100, sort=sort))]
                walked: list[str] = []
                marker = None
                while page := registry.list_images(CTX, ImageQuery(3, sort=sort, marker=marker)):
                    walked += [image.id for image in page]
                    marker = page[-1].id
                assert walked == whole
                assert len(set(walked)) == 10

    def test_a_marker_that_the_caller_cannot_see_marks_nothing(self, registry: Registry) -> None:
        hidden, deleted = new(registry), new(registry, visibility="public")
        registry.delete_image(CTX, deleted.id, 0, None)
        for marker in (hidden.id, deleted.id, str(uuid.uuid4())):
            with pytest.raises(InvalidMarker):
                registry.list_images(STRANGER, ImageQuery(10, marker=marker))
