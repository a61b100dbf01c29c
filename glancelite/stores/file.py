"""The file store: a directory with a file a blob, named by its key.

Bytes go to `KEY.part`; only when they are all on disk does the file get its name, and only when the directory is on
disk too does `add` return. `KEY` therefore always is whole.

    [glance_store]
    default_store = file
    filesystem_store_datadir = /var/lib/glancelite/images
"""

import errno
import fcntl
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..domain.ports import Body, LocalStore, StoredFile, StoreStatus
from ..errors import DataNotFound, GlanceliteError, StoreFull, StoreUnavailable
from .base import MarkedStore

MARKER = ".glancelite-store"
PART = ".part"
BLOCK = 2 << 20
"""Bytes of a write, as they come from the intake."""
_AHEAD = 8 << 20
"""Bytes after which the disk is set to work, and what follows passes by the page cache."""
_BEHIND = 32 << 20
"""Bytes before those that are on the disk by now, and need not stay in memory."""

_MODE = 0o640
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class FileStore(MarkedStore, LocalStore):
    """Keeps bytes in one directory of a local or shared file system.

    What is written does not stay in memory, which the kernel would have to find for it and take from what is read,
    unless it is about to be read again: `is_read_soon`. On a disk of this host all but the beginning passes by the page
    cache (O_DIRECT); a server of files would be asked to sync each block then.
    """

    driver = "file"

    def __init__(self, store_id: str, directory: Path, *, is_read_soon: bool = False) -> None:
        super().__init__(store_id)
        self.directory = directory
        self._is_read_soon = is_read_soon

    def read_marker(self) -> str | None:
        try:
            return (self.directory / MARKER).read_text(errors="replace").strip()
        except FileNotFoundError:
            return None

    def write_marker(self) -> str:
        self.directory.mkdir(parents=True, exist_ok=True)
        new = self.directory / f"{MARKER}.{uuid.uuid4()}"
        try:
            with new.open("w") as file:
                file.write(str(uuid.uuid4()))
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(new, self.directory / MARKER)  # unlike a rename, a link never replaces a rival's marker
        finally:
            new.unlink(missing_ok=True)
        self._sync_directory()
        return (self.directory / MARKER).read_text().strip()

    def add(self, key: str, blocks: Iterable[bytes | memoryview]) -> str:
        return f"file://{self._keep(key, lambda part: self._write(part, blocks))}"

    def path(self, key: str) -> Path:
        return self.directory / key

    def fill(self, key: str, write: Callable[[Path], None]) -> int:
        def make(part: Path) -> None:
            write(part)
            with part.open("rb") as file:
                os.fchmod(file.fileno(), _MODE)
                os.fsync(file.fileno())

        return self._keep(key, make).stat().st_size

    def _keep(self, key: str, write: Callable[[Path], None]) -> Path:
        """Have the unfinished file written and synced, then give it its name; where it is."""
        self.require_place()
        part, whole = self.directory / f"{key}{PART}", self.directory / key
        try:
            write(part)
            self._give_name(part, whole)
            self._sync_directory()
        except BaseException as error:
            with suppress(OSError):  # who began the blob deletes it once more, and hears of what stands in the way
                self._unlink(part, whole)
            if isinstance(error, OSError):
                raise self._translated(error) from error
            raise
        return whole

    def _write(self, part: Path, blocks: Iterable[bytes | memoryview]) -> None:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
        try:
            size = begun = 0
            is_direct = not self._is_read_soon and _is_on_disk(descriptor)
            for block in blocks:
                view = memoryview(block)
                while view:
                    written = _write_some(descriptor, view)
                    size, view = size + written, view[written:]
                if size - begun >= _AHEAD:
                    self._advise(descriptor, begun, size)
                    begun = size
                    if is_direct:
                        with suppress(OSError):  # some file systems take no such writes
                            _pass_by_cache(descriptor, True)
            os.fsync(descriptor)  # a failed fsync is never tried again: the kernel may have dropped the pages
        finally:
            os.close(descriptor)

    def _advise(self, descriptor: int, begun: int, size: int) -> None:
        """Have the kernel begin to write what is dirty, so that the fsync finds little left to wait for, and give back
        the memory of what it has written; large images take half as long again where each page is found anew.
        """
        start = begun if self._is_read_soon else max(begun - _BEHIND, 0)
        with suppress(OSError):  # some file systems take no advice
            os.posix_fadvise(descriptor, start, size - start, os.POSIX_FADV_DONTNEED)

    def _give_name(self, part: Path, whole: Path) -> None:
        """Raises DataNotFound when the file was unlinked meanwhile: who wrote it was taken for dead."""
        try:
            part.rename(whole)
        except FileNotFoundError as error:
            self.require_place()
            raise DataNotFound(image_id=whole.name) from error

    def open(self, key: str, offset: int = 0) -> tuple[Body, int]:
        try:
            file = open(f"{self.directory}/{key}", "rb", buffering=0)  # noqa: PTH123,SIM115 - no Path for each part
        except FileNotFoundError as error:
            self.require_place()  # on another node's disk nothing is to be found, and nothing is lost
            raise DataNotFound(image_id=key) from error
        except OSError as error:
            raise StoreUnavailable(store=self.id, reason=error.strerror or str(error)) from error
        try:
            size = os.fstat(file.fileno()).st_size
            file.seek(offset)
        except BaseException:
            file.close()
            raise
        return file, size

    def delete(self, key: str) -> None:
        self.require_place()
        try:
            self._unlink(self.directory / f"{key}{PART}", self.directory / key)
            self._sync_directory()  # also when nothing was there: an unlink before a crash may not be on disk yet
        except OSError as error:
            raise StoreUnavailable(store=self.id, reason=error.strerror or str(error)) from error

    def _unlink(self, part: Path, whole: Path) -> None:
        """The unfinished name first: a rename that comes late finds nothing to rename, or is undone by the second."""
        part.unlink(missing_ok=True)
        whole.unlink(missing_ok=True)

    def list(self) -> Iterator[StoredFile]:
        try:
            yield from self._list()
        except OSError as error:
            raise StoreUnavailable(store=self.id, reason=f"{self.directory}: {error.strerror}") from error

    def _list(self) -> Iterator[StoredFile]:
        self.require_place()
        now = time.time()
        with os.scandir(self.directory) as entries:
            for entry in entries:
                if entry.name.startswith(MARKER) or entry.is_dir(follow_symlinks=False):
                    continue  # a disk that is mounted here brings its lost+found
                try:
                    stat = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # unlinked since the directory was read
                yield StoredFile(entry.name, entry.name.removesuffix(PART), stat.st_size, now - stat.st_mtime)

    def show_properties(self) -> dict[str, Any]:
        return {"data_dir": str(self.directory), "chunk_size": BLOCK, "thin_provisioning": False}

    def check(self) -> StoreStatus:
        try:
            self.require_place()
            place = os.statvfs(self.directory)
        except GlanceliteError as error:
            return StoreStatus(str(error))
        except OSError as error:
            return StoreStatus(f"{self.directory}: {error.strerror}")
        writable = os.access(self.directory, os.W_OK | os.X_OK)
        return StoreStatus(None if writable else f"{self.directory} is not writable", place.f_bavail * place.f_frsize)

    def _sync_directory(self) -> None:
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _translated(self, error: OSError) -> GlanceliteError:
        if error.errno in _FULL:
            return StoreFull(store=self.id)
        return StoreUnavailable(store=self.id, reason=error.strerror or str(error))


def _write_some(descriptor: int, view: memoryview) -> int:
    """Write as much of it as is taken at once; how much. What does not fill whole pages cannot pass by the cache."""
    try:
        return os.write(descriptor, view)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        _pass_by_cache(descriptor, False)
        return os.write(descriptor, view)


def _is_on_disk(descriptor: int) -> bool:
    """Does the file lie on a block device of this host? Others, NFS among them, have no major number of their own."""
    return os.major(os.fstat(descriptor).st_dev) != 0


def _pass_by_cache(descriptor: int, is_wanted: bool) -> None:
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_DIRECT if is_wanted else flags & ~os.O_DIRECT)
