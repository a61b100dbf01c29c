"""What every registry keeps to, whatever it is made of. Subclasses give a `registry` fixture."""

from collections.abc import Callable, Iterator

import pytest
from contract.registry_blobs import BlobContract
from contract.registry_images import ImageContract
from contract.registry_rig import CTX, LONG, PROCESS, filled
from contract.registry_tasks import TaskContract
from contract.registry_upkeep import UpkeepContract

from glancelite.domain.ports import Registry
from glancelite.domain.query import ImageQuery


class RegistryContract(ImageContract, BlobContract, TaskContract, UpkeepContract):
    """Each test leaves a registry in which no invariant is broken."""

    @pytest.fixture(autouse=True)
    def _prepare(self, registry: Registry) -> Iterator[None]:
        registry.renew_process(PROCESS, LONG)
        yield
        assert registry.check_invariants() == ()

    # cost

    def test_showing_an_image_takes_two_statements_at_most(
        self, registry: Registry, statements: Callable[[], list[str]]
    ) -> None:
        image, _ = filled(registry, tags=("a", "b"), properties={"p": "1"})
        statements()
        registry.show_image(CTX, image.id)
        assert 1 <= len(statements()) <= 2

    def test_a_page_of_any_length_takes_four_statements_at_most(
        self, registry: Registry, statements: Callable[[], list[str]]
    ) -> None:
        images = [filled(registry, tags=(f"t{n}", "t"), properties={"p": "1"})[0] for n in range(12)]
        for asked in ({}, {"marker": images[-1].id}, {"tags": ("t",), "properties": (("p", "1"),)}):
            for limit in (1, 12):
                statements()
                assert registry.list_images(CTX, ImageQuery(limit, **asked))
                assert 1 <= len(statements()) <= 4
