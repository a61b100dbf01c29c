"""What every store keeps to. Subclasses give a `store` fixture, attached to a registry."""

from collections.abc import Iterator

import pytest

from glancelite.domain.ports import Store
from glancelite.errors import DataNotFound


class Broken(Exception):
    """What a source raises."""


def read(store: Store, key: str, offset: int = 0) -> tuple[bytes, int]:
    body, size = store.open(key, offset)
    try:
        parts = []
        while part := body.read(1000):
            parts.append(part)
        return b"".join(parts), size
    finally:
        body.close()


def names(store: Store) -> set[str]:
    return {file.name for file in store.list()}


class StoreContract:
    """Each test leaves the store empty."""

    @pytest.fixture(autouse=True)
    def _leaves_nothing(self, store: Store) -> Iterator[None]:
        yield
        assert names(store) == set()

    @pytest.mark.parametrize("blocks", [[], [b""], [b"x"], [b"abc", b"", b"defg"], [bytes(3 << 20), b"end"]])
    def test_what_goes_in_comes_out_from_any_offset(self, store: Store, blocks: list[bytes]) -> None:
        data = b"".join(blocks)
        assert store.add("key", iter(blocks)).startswith(f"{store.driver}://")
        for offset in (0, 1, len(data) - 1, len(data)):
            if offset >= 0:
                assert read(store, "key", offset) == (data[offset:], len(data))
        store.delete("key")

    def test_bytes_appear_only_when_all_are_there(self, store: Store) -> None:
        seen = []

        def blocks() -> Iterator[bytes]:
            yield b"abc"
            with pytest.raises(DataNotFound):
                store.open("key")
            seen.append(True)
            yield b"def"

        store.add("key", blocks())
        assert seen == [True]
        assert read(store, "key") == (b"abcdef", 6)
        store.delete("key")

    def test_a_source_that_breaks_is_heard_and_leaves_nothing(self, store: Store) -> None:
        def blocks() -> Iterator[bytes]:
            yield b"abc"
            raise Broken

        with pytest.raises(Broken):
            store.add("key", blocks())
        assert names(store) == set()
        with pytest.raises(DataNotFound):
            store.open("key")
        store.add("key", [b"whole"])
        assert read(store, "key") == (b"whole", 5)
        store.delete("key")

    def test_what_is_not_there_is_not_found_and_quietly_deleted(self, store: Store) -> None:
        with pytest.raises(DataNotFound):
            store.open("key")
        store.delete("key")
        store.add("key", [b"x"])
        store.delete("key")
        store.delete("key")
        with pytest.raises(DataNotFound):
            store.open("key")

    def test_a_body_that_is_open_can_be_read_after_a_delete(self, store: Store) -> None:
        store.add("key", [b"abc"])
        body, _ = store.open("key")
        store.delete("key")
        assert body.read(10) == b"abc"
        body.close()

    def test_bodies_of_one_blob_are_read_apart(self, store: Store) -> None:
        store.add("key", [b"abcdef"])
        first, second = store.open("key", 0)[0], store.open("key", 3)[0]
        assert [first.read(2), second.read(2), first.read(2), second.read(2)] == [b"ab", b"de", b"cd", b"f"]
        first.close()
        second.close()
        store.delete("key")

    def test_a_listing_tells_name_key_size_and_age(self, store: Store) -> None:
        store.add("one", [b"abc"])
        store.add("two", [b""])
        found = {file.name: (file.key, file.size) for file in store.list()}
        assert found == {"one": ("one", 3), "two": ("two", 0)}
        assert all(-1 < file.age < 60 for file in store.list())
        store.delete("one")
        store.delete("two")

    def test_a_store_in_order_is_fit_for_use(self, store: Store) -> None:
        assert store.check().reason is None
