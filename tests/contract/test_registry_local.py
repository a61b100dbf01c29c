"""The registry in this process."""

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from contract.registry_contract import RegistryContract
from contract.registry_rig import CTX, LONG, intent, new

from glancelite.domain.ports import Registry
from glancelite.registry.database import open_database, sqlite_url
from glancelite.registry.local import LocalRegistry
from glancelite.registry.schema import _DIRECTORY as MIGRATIONS

MIGRATE = """
import sys, time
from pathlib import Path
from glancelite.registry.database import open_database
from glancelite.registry.local import LocalRegistry
registry = LocalRegistry(open_database(sys.argv[1], 4))
print("ready", flush=True)
sys.stdin.readline()
print(*registry.upgrade())
"""


class TestLocalRegistry(RegistryContract):
    @pytest.fixture
    def registry(self, local: LocalRegistry) -> Registry:
        return local


def test_a_lease_that_is_renewed_at_the_last_moment_is_no_change_of_the_image(
    local: LocalRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, renewals = new(local), []

    def is_alive(process: str) -> bool:
        """By now it is: it was renewed since the image was looked at."""
        renewals.append(threading.Thread(target=local.renew_process, args=(process, LONG)))
        renewals[-1].start()
        return True

    monkeypatch.setattr(local, "_is_alive", is_alive)

    local.begin_blob(CTX, intent(image, process="late"))

    assert local.show_image(CTX, image.id).status == "saving"
    for renewal in renewals:
        renewal.join()
    assert renewals


def test_servers_that_start_at_once_apply_each_migration_once(
    tmp_path: Path, new_url: Callable[[], str | None]
) -> None:
    words = [sys.executable, "-c", MIGRATE, new_url() or sqlite_url(tmp_path / "new.sqlite")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    racers = [subprocess.Popen(words, **pipes) for _ in range(4)]  # type: ignore[call-overload]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    applied = [racer.communicate(timeout=30)[0].split() for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * 4
    assert [name for names in applied for name in names] == [path.stem for path in sorted(MIGRATIONS.glob("[0-9]*.py"))]


@pytest.mark.only_on("sqlite")
def test_files_that_a_busy_moment_opened_are_closed_at_the_first_lease_that_is_renewed_after_it(tmp_path: Path) -> None:
    registry = LocalRegistry(open_database(sqlite_url(tmp_path / "new.sqlite"), 8))
    registry.upgrade()
    together = threading.Barrier(8)

    def hold(_: int) -> None:
        with registry._connection():
            registry._read_clock()
            together.wait(10)

    def descriptors() -> int:
        targets = [entry.readlink() for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
        return targets.count(tmp_path / "new.sqlite")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(hold, range(8)))
    assert (len(registry._db._connections), descriptors()) == (8, 8)
    with registry._connection():
        registry._read_clock()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(registry.renew_process, "one", 30).result()
        assert len(registry._db._connections) == 1
        assert descriptors() > 2  # SQLite closes a file when none of the process uses it

    registry.renew_process("one", 30)

    assert (len(registry._db._connections), descriptors()) == (1, 1)
    registry.close()


@pytest.mark.only_on("sqlite")
def test_sqlite_keeps_what_it_has_answered_through_a_power_cut(tmp_path: Path) -> None:
    registry = LocalRegistry(open_database(sqlite_url(tmp_path / "new.sqlite"), 4))
    registry.upgrade()
    registry.close()
    with registry._db.connection_context():
        modes = [registry._db.execute_sql(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert modes == ["wal", 2]
    registry.close()


def test_an_upgrade_of_what_is_current_does_nothing(local: LocalRegistry) -> None:
    assert local.upgrade() == []
