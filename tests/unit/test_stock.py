"""A store that fails is tried to the first failure and left clean."""

import io

from glancelite.domain.ports import Body
from glancelite.stores.memory import MemoryStore
from glancelite.usecases.stock import try_store


class Forgetful(MemoryStore):
    """Gives back other bytes than it was given."""

    def open(self, key: str, offset: int = 0) -> tuple[Body, int]:
        _, size = super().open(key, offset)
        return io.BytesIO(bytes(size)), size


def test_a_store_that_gives_back_other_bytes_is_found_and_left_empty() -> None:
    store = Forgetful("broken")
    steps = list(try_store(store))
    assert [step.name for step in steps] == ["place", "write", "read"]
    assert steps[-1].fault == "what is read is not what was written"
    assert list(store.list()) == []


def test_a_store_that_works_passes_every_step() -> None:
    assert [step.fault for step in try_store(MemoryStore("whole"))] == [None] * 5
