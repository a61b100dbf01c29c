"""What a project uses, and bounds that no rival gets past: on the database of GLANCELITE_TEST_DB, else on SQLite."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from glancelite.domain.context import Context
from glancelite.domain.image import Image, Location
from glancelite.domain.limits import COUNT, SIZE, STAGE, UPLOADING, Usage
from glancelite.domain.ports import Content, Intent
from glancelite.errors import LimitExceeded, QuotaExceeded
from glancelite.registry.database import open_database, sqlite_url
from glancelite.registry.local import LocalRegistry

PROCESS = str(uuid.uuid4())
NONE = Usage()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, new_url: Callable[[], str | None]) -> Iterator[LocalRegistry]:
    url = new_url() or sqlite_url(tmp_path_factory.mktemp("usage") / "registry.sqlite")
    made = LocalRegistry(open_database(url, 16))
    made.upgrade()
    made.renew_process(PROCESS, 600)
    yield made
    made.close()


@pytest.fixture
def context() -> Context:
    return Context(project_id=uuid.uuid4().hex, roles=("member", "reader"))


def make(registry, context, **fields):
    wish = {"id": str(uuid.uuid4()), "owner": context.project_id, "disk_format": "raw", "container_format": "bare"}
    bounds = fields.pop("bounds", None)
    return registry.create_image(context, Image(**(wish | fields)), bounds)


def intend(image, **fields):
    return Intent(key=str(uuid.uuid4()), image_id=image.id, store="fast", process=PROCESS, **fields)


def fill(registry, context, image, size, **fields):
    """Upload; the image as it is after."""
    intent = intend(image, **fields)
    registry.begin_blob(context, intent)
    content = Content(size, "0" * 32, "sha512", "0" * 128, None)
    registry.commit_blob(context, intent, content, f"file://{intent.key}")
    return registry.show_image(context, image.id)


def usage(registry, context):
    return registry.show_usage(context, context.project_id)


def test_a_project_that_has_nothing_uses_nothing(registry, context):
    assert usage(registry, context) == NONE


def test_an_upload_counts_what_it_announced_and_then_what_came(registry, context):
    image, other = make(registry, context), make(registry, context)
    intent = intend(image, declared=70)
    registry.begin_blob(context, intent)
    assert usage(registry, context) == Usage(size=70, images=2, uploading=1)

    registry.abort_blob(intent.key)
    assert usage(registry, context) == Usage(images=2)

    fill(registry, context, other, 30)
    assert usage(registry, context) == Usage(size=30, images=2)


def test_every_location_counts_the_images_size(registry, context):
    image = fill(registry, context, make(registry, context), 30)
    places = (*image.locations, Location("http://example.org/copy", "http", {}, None))

    registry.update_image(context, image, {}, places)

    assert usage(registry, context).size == 60


@pytest.mark.parametrize("delay", [None, 600.0])
def test_a_deleted_image_counts_for_nothing(registry, context, delay):
    image = fill(registry, context, make(registry, context), 30)

    registry.delete_image(context, image.id, image.revision, delay)

    assert usage(registry, context) == NONE


def test_an_image_counts_for_who_owns_it_now(registry, context):
    image = fill(registry, context, make(registry, context), 30)
    heir = replace(context, project_id=uuid.uuid4().hex)

    registry.update_image(context, image, {"owner": heir.project_id})

    assert (usage(registry, context), usage(registry, heir)) == (NONE, Usage(size=30, images=1))


def test_data_on_its_way_to_an_import_counts_apart(registry, context):
    image = make(registry, context)
    registry.begin_blob(context, intend(image, kind="stage", to="uploading", declared=30))

    assert usage(registry, context) == Usage(staged=30, images=1, uploading=1)


def test_what_passes_a_bound_leaves_nothing_behind(registry, context):
    image = make(registry, context, bounds={COUNT.name: 1})
    with pytest.raises(LimitExceeded) as many:
        make(registry, context, bounds={COUNT.name: 1})
    with pytest.raises(LimitExceeded) as large:
        registry.begin_blob(context, intend(image, declared=3 << 20, bounds={SIZE.name: 2 << 20}))
    with pytest.raises(LimitExceeded) as busy:
        registry.begin_blob(context, intend(image, bounds={UPLOADING.name: 0}))

    assert usage(registry, context) == Usage(images=1)
    assert registry.show_image(context, image.id).status == "queued"
    figures = [tuple(error.value.details[key] for key in ("resource", "usage", "asked", "limit"))
               for error in (many, large, busy)]  # fmt: skip
    assert figures == [(COUNT.name, 1, 1, 1), (SIZE.name, 0, 3, 2), (UPLOADING.name, 0, 1, 0)]


def test_a_bound_on_what_was_not_asked_for_refuses_nothing(registry, context):
    make(registry, context, bounds={SIZE.name: 0, UPLOADING.name: 0, STAGE.name: 0})


def test_room_is_what_the_tighter_of_quota_and_bound_leaves(registry, context):
    fill(registry, context, make(registry, context), 30)
    room = {(100, 80): 50, (70, 80): 40, (None, 80): 50, (100, None): 70, (None, None): None}

    for (quota, bound), left in room.items():
        bounds = {} if bound is None else {SIZE.name: bound}
        found = registry.begin_blob(context, intend(make(registry, context), quota=quota, bounds=bounds))
        assert ((quota, bound), found) == ((quota, bound), left)


@pytest.mark.parametrize("rivals", [8])
def test_of_many_at_once_only_as_many_images_are_made_as_there_is_room_for(registry, context, rivals):
    def attempt(_: int) -> bool:
        try:
            make(registry, context, bounds={COUNT.name: 3})
        except LimitExceeded:
            return False
        return True

    with ThreadPoolExecutor(rivals) as pool:
        made = list(pool.map(attempt, range(rivals)))

    assert (sum(made), usage(registry, context).images) == (3, 3)


@pytest.mark.parametrize("bound", [{"quota": 100}, {"bounds": {SIZE.name: 100}}], ids=["quota", "limit"])
@pytest.mark.parametrize("is_declared", [True, False], ids=["announced", "of unknown length"])
def test_of_many_at_once_only_what_fits_is_kept(registry, context, bound, is_declared):
    images = [make(registry, context) for _ in range(8)]

    def attempt(image: Image) -> bool:
        intent = intend(image, declared=30 if is_declared else None, **bound)
        try:
            registry.begin_blob(context, intent)
            registry.commit_blob(context, intent, Content(30, "0" * 32, "sha512", "0" * 128, None), "file://x")
        except QuotaExceeded:
            registry.abort_blob(intent.key)
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(attempt, images))

    assert (sum(kept), usage(registry, context).size) == (3, 90)
