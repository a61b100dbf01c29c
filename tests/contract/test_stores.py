"""The file store and the memory store."""

import errno
import io
import mmap
import os
import random
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from contract.store_contract import StoreContract, names, read

from glancelite.domain.image import Image
from glancelite.domain.ports import Store
from glancelite.errors import GlanceliteError, StoreFull, StoreUnavailable
from glancelite.registry.local import LocalRegistry
from glancelite.stores.file import MARKER, FileStore
from glancelite.stores.memory import MemoryStore
from glancelite.usecases.intake import Limits, Stream


@pytest.fixture
def files(tmp_path: Path, local: LocalRegistry) -> FileStore:
    store = FileStore("file", tmp_path / "images")
    store.attach(local)
    return store


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self, local: LocalRegistry) -> Store:
        store = MemoryStore("memory")
        store.attach(local)
        return store


class TestFileStore(StoreContract):
    @pytest.fixture
    def store(self, files: FileStore) -> Store:
        return files


def test_a_new_file_store_makes_its_place_and_the_registry_knows_it(files: FileStore, local: LocalRegistry) -> None:
    marker = (files.directory / MARKER).read_text()
    assert local.show_marker("file") == marker
    again = FileStore("file", files.directory)
    again.attach(local)
    assert again.check().reason is None
    assert [path.name for path in files.directory.iterdir()] == [MARKER]


def test_files_are_not_for_everybody(files: FileStore) -> None:
    files.add("key", [b"x"])
    assert stat.S_IMODE((files.directory / "key").stat().st_mode) & 0o027 == 0


@pytest.mark.parametrize("is_read_soon", [False, True])
def test_all_but_the_beginning_passes_by_the_page_cache_unless_it_is_read_soon(
    tmp_path: Path, local: LocalRegistry, is_read_soon: bool
) -> None:
    store, place = FileStore("file", tmp_path / "images", is_read_soon=is_read_soon), tmp_path / "images"
    store.attach(local)
    seen: list[bool] = []

    def blocks() -> Iterator[memoryview]:
        for _ in range(20):
            yield whole_pages()
            seen.append(passes_by_cache(place / "key.part"))

    store.add("key", blocks())

    assert seen == [may_pass_by_cache(place) and not is_read_soon and number >= 8 for number in range(1, 21)]
    assert (place / "key").read_bytes() == bytes(whole_pages()) * 20


@pytest.mark.parametrize("odd", [1, 511, 4097, (1 << 20) - 1])
def test_what_fills_no_whole_pages_is_kept_as_it_came(files: FileStore, odd: int) -> None:
    blocks = [whole_pages()] * 10 + [whole_pages()[:odd]] + [whole_pages()] * 10 + [whole_pages()[:odd]]

    files.add("key", blocks)

    assert (files.directory / "key").read_bytes() == b"".join(blocks)


def test_blocks_of_the_intake_pass_by_the_page_cache(files: FileStore) -> None:
    image = Image(id="x", disk_format="raw", container_format="bare")
    stream = Stream(image, io.BytesIO(bytes(20 << 20)), Limits(cap=1 << 30))
    written, seen = [0], []

    def blocks() -> Iterator[memoryview]:
        for block in stream:
            yield block
            written.append(written[-1] + len(block))
            seen.append(passes_by_cache(files.directory / "key.part"))

    files.add("key", blocks())
    stream.close()

    direct = may_pass_by_cache(files.directory)
    assert seen == [direct and size >= 8 << 20 for size in written[1:]]
    assert written[-1] == 20 << 20


@pytest.mark.parametrize(("is_read_soon", "behind"), [(False, 32 << 20), (True, 0)])
def test_what_is_written_is_given_back_behind_unless_it_is_read_soon(
    tmp_path: Path, local: LocalRegistry, monkeypatch: pytest.MonkeyPatch, is_read_soon: bool, behind: int
) -> None:
    store, step = FileStore("file", tmp_path / "images", is_read_soon=is_read_soon), 8 << 20
    store.attach(local)
    advised: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "posix_fadvise", lambda file, begin, length, advice: advised.append((begin, length)))

    store.add("key", [bytes(step)] * 6)

    begun = range(0, 6 * step, step)
    assert advised == [(max(at - behind, 0), step + min(at, behind)) for at in begun]
    assert (store.directory / "key").stat().st_size == 6 * step


def whole_pages() -> memoryview:
    """A block as the intake makes it."""
    pages = mmap.mmap(-1, 1 << 20)
    pages.write(random.Random(7).randbytes(1 << 20))
    return memoryview(pages)


def passes_by_cache(file: Path) -> bool:
    """Was this file, which this process has open, opened so, or is it by now?"""
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            if entry.readlink() == file:
                flags = re.search(r"flags:\s*([0-7]+)", (Path("/proc/self/fdinfo") / entry.name).read_text())
                assert flags
                return bool(int(flags[1], 8) & os.O_DIRECT)
    raise AssertionError(f"{file} is not open")


def may_pass_by_cache(place: Path) -> bool:
    """Does it lie on a disk of this host, and does its file system take such writes?"""
    try:
        os.close(os.open(place / "probe", os.O_WRONLY | os.O_CREAT | os.O_DIRECT))
    except OSError:
        return False
    return os.major(place.stat().st_dev) != 0


def test_nothing_passes_by_the_page_cache_on_another_s_disk(files: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "major", lambda device: 0)
    seen: list[bool] = []

    def blocks() -> Iterator[memoryview]:
        for _ in range(10):
            yield whole_pages()
            seen.append(passes_by_cache(files.directory / "key.part"))

    files.add("key", blocks())

    assert seen == [False] * 10


def test_unfinished_bytes_are_listed_under_their_key_and_deleted_with_it(files: FileStore) -> None:
    def blocks() -> Iterator[bytes]:
        yield b"abc"
        ((name, key),) = [(file.name, file.key) for file in files.list()]
        assert (name, key) == ("key.part", "key")
        yield b"def"

    files.add("key", blocks())
    (files.directory / "key.part").write_bytes(b"left by a crash")
    assert names(files) == {"key", "key.part"}
    files.delete("key")
    assert names(files) == set()


def refused(act: Any) -> str:
    with pytest.raises(StoreUnavailable) as refusal:
        act()
    return str(refusal.value)


@pytest.mark.parametrize("marker", [None, "another store's"])
def test_a_place_without_its_marker_is_neither_written_nor_emptied_nor_listed(
    files: FileStore, marker: str | None
) -> None:
    files.add("key", [b"x"])
    path = files.directory / MARKER
    mine = path.read_text()
    path.unlink()
    if marker:
        path.write_text(marker)
    wanted = "carries another store's marker" if marker else "carries no marker"
    for act in (lambda: files.add("new", [b"x"]), lambda: files.delete("key"), lambda: list(files.list())):
        assert wanted in refused(act)
    assert wanted in str(files.check().reason)
    assert {entry.name for entry in files.directory.iterdir()} - {MARKER} == {"key"}
    path.write_text(mine)
    assert read(files, "key") == (b"x", 1)
    files.delete("key")


def test_a_place_that_is_gone_is_not_made_anew(files: FileStore, local: LocalRegistry) -> None:
    (files.directory / MARKER).unlink()
    files.directory.rmdir()
    refused(lambda: files.add("key", [b"x"]))
    again = FileStore("file", files.directory)
    again.attach(local)
    refused(lambda: again.add("key", [b"x"]))
    assert not files.directory.exists()


def test_a_store_that_nobody_attached_is_not_used(tmp_path: Path) -> None:
    store = FileStore("file", tmp_path / "images")
    assert "not attached" in refused(lambda: store.add("key", [b"x"]))


@pytest.mark.parametrize(
    ("number", "error"),
    [(errno.ENOSPC, StoreFull), (errno.EDQUOT, StoreFull), (errno.EFBIG, StoreFull), (errno.EIO, StoreUnavailable)],
)
@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_disk_that_fails_leaves_nothing(
    files: FileStore, monkeypatch: pytest.MonkeyPatch, call: str, number: int, error: type[GlanceliteError]
) -> None:
    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(error):
            files.add("key", [b"x"])
    assert names(files) == set()
    files.add("key", [b"x"])
    assert read(files, "key") == (b"x", 1)


def test_a_write_that_takes_less_than_it_was_given_goes_on(files: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    files.add("key", [b"0123456789", b"ab"])
    assert read(files, "key") == (b"0123456789ab", 12)


def test_bytes_are_on_disk_before_they_have_their_name_and_the_name_before_it_is_told(
    files: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, bool]] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        place = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced.append((place.name, (files.directory / "key").exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    files.add("key", [b"abc", b"def"])
    assert synced == [("key.part", False), ("images", True)]
