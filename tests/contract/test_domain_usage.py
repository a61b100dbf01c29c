"""Bounds that the projects of a domain share: on the database of GLANCELITE_TEST_DB, else on SQLite."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from glancelite.domain.context import Context
from glancelite.domain.image import Image
from glancelite.domain.limits import COUNT, SIZE, DomainBounds
from glancelite.domain.ports import Content, Intent
from glancelite.errors import DomainLimitExceeded, LimitExceeded
from glancelite.registry.database import open_database, sqlite_url
from glancelite.registry.local import LocalRegistry

PROCESS = str(uuid.uuid4())


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, new_url: Callable[[], str | None]) -> Iterator[LocalRegistry]:
    url = new_url() or sqlite_url(tmp_path_factory.mktemp("usage") / "registry.sqlite")
    made = LocalRegistry(open_database(url, 16))
    made.upgrade()
    made.renew_process(PROCESS, 600)
    yield made
    made.close()


@pytest.fixture
def projects() -> tuple[str, ...]:
    return uuid.uuid4().hex, uuid.uuid4().hex


def together(projects: tuple[str, ...], **bounds: int) -> DomainBounds:
    return DomainBounds(f"domain of {projects[0]}", projects, bounds)


def make(registry: LocalRegistry, project: str, domain: DomainBounds | None = None, **bounds: int) -> Image:
    image = Image(id=str(uuid.uuid4()), owner=project, disk_format="raw", container_format="bare")
    return registry.create_image(Context(project_id=project, roles=("member",)), image, bounds, domain)


def begin(registry: LocalRegistry, project: str, domain: DomainBounds, declared: int | None = None) -> Intent:
    image = make(registry, project)
    intent = Intent(str(uuid.uuid4()), image.id, "fast", PROCESS, declared=declared, domain=domain)
    registry.begin_blob(Context(project_id=project), intent)
    return intent


def test_what_all_projects_have_counts_and_the_refusal_leaves_nothing(registry, projects):
    domain = together(projects, **{COUNT.name: 2})
    for project in projects:
        make(registry, project, domain)

    with pytest.raises(DomainLimitExceeded) as refused:
        make(registry, projects[0], domain)

    details = refused.value.details
    assert (details["domain"], details["usage"], details["asked"], details["limit"]) == (domain.domain, 2, 1, 2)
    assert registry.show_usage(Context(), projects[0]).images == 1


def test_a_projects_own_bound_is_told_first(registry, projects):
    domain = together(projects, **{COUNT.name: 0})

    with pytest.raises(LimitExceeded) as refused:
        make(registry, projects[0], domain, **{COUNT.name: 0})

    assert refused.value.details["project"] == projects[0]


def test_room_is_what_the_siblings_leave(registry, projects):
    domain = together(projects, **{SIZE.name: 100})
    begin(registry, projects[0], domain, declared=30)
    image = make(registry, projects[1])
    intent = Intent(str(uuid.uuid4()), image.id, "fast", PROCESS, domain=domain)

    assert registry.begin_blob(Context(), intent) == 70


def test_bytes_that_turn_out_to_be_too_many_for_the_domain_are_refused_in_the_end(registry, projects):
    domain = together(projects, **{SIZE.name: 100})
    late = begin(registry, projects[1], domain)
    begin(registry, projects[0], domain, declared=80)

    with pytest.raises(DomainLimitExceeded):
        registry.commit_blob(Context(), late, Content(30, "0" * 32, "sha512", "0" * 128, None), "file://late")


def test_of_many_at_once_in_several_projects_only_as_many_are_made_as_there_is_room_for(registry, projects):
    domain = together(projects, **{COUNT.name: 5})

    def attempt(project: str) -> bool:
        try:
            make(registry, project, domain, **{COUNT.name: 4})
        except LimitExceeded:
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        made = list(pool.map(attempt, projects * 5))

    assert sum(made) == 5
