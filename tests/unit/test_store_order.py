"""Where a download looks first when an image has copies in several stores."""

from types import SimpleNamespace
from typing import Any

import pytest

from glancelite.domain.context import Context
from glancelite.domain.image import Image, Location
from glancelite.errors import DataNotFound
from glancelite.stores import StoreSet
from glancelite.stores.memory import MemoryStore
from glancelite.usecases.data import download_image

WEIGHTS = {"a": 0, "b": 10, "c": 5, "d": 5}
IMAGE = Image(
    "i", status="active", size=1, locations=tuple(Location(f"memory://{one}", one, blob=one) for one in WEIGHTS)
)


def make_services(names: str) -> Any:
    """Stores of these names, each with its name as its copy's data, so that a reader sees where data came from."""
    stores = {}
    for store_id in names:
        store = stores[store_id] = MemoryStore(store_id)
        store.weight = WEIGHTS[store_id]
        store.add(store_id, [store_id.encode()])
    return SimpleNamespace(stores=StoreSet(stores, names[0], staging=MemoryStore("staging"), is_multi=True, foreign={}))


@pytest.fixture
def services() -> Any:
    return make_services("abcd")


def source(services: Any, *prefer: str) -> str:
    body = download_image(services, Context(), IMAGE, prefer=prefer)
    assert body is not None
    return body.read(10).decode()


def order(services: Any, *prefer: str) -> str:
    """The stores in the order in which they are tried, told by taking away each copy that was found."""
    found = ""
    while len(found) < len(WEIGHTS):
        found += source(services, *prefer)
        services.stores.get(found[-1]).delete(found[-1])
    with pytest.raises(DataNotFound):
        source(services, *prefer)
    return found


def test_the_heavier_store_is_read_first_and_of_equals_the_older_copy(services: Any) -> None:
    assert order(services) == "bcda"


def test_preferred_stores_come_first_in_their_order(services: Any) -> None:
    assert order(services, "d", "a") == "dabc"


def test_a_preferred_store_without_a_copy_is_passed_over(services: Any) -> None:
    assert order(services, "nowhere", "c") == "cbda"


def test_a_copy_of_another_length_is_passed_over(services: Any) -> None:
    services.stores.get("b").add("b", [b"longer"])
    assert source(services) == "c"


def test_a_store_that_is_configured_no_more_is_passed_over() -> None:
    assert source(make_services("acd")) == "c"
