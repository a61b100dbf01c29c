"""What the fault tests speak with: a service that a fault can be put into, and clients that misbehave."""

import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock

from databases import change_rows, read_rows
from harness import Api, Daemon, Reply, Service, environment, make_service

from glancelite.cli import run
from glancelite.cli.session import Session

LAUNCHER = Path(__file__).with_name("launcher.py")
LEASE = 1.0
BLOCK = 1 << 20
MARKER = ".glancelite-store"
STAGING = "os_glance_staging_store"
THREE_STORES = {
    "ENABLED_BACKENDS": "fast:file,slow:file,spare:file",
    "GLANCE_STORE_DEFAULT_BACKEND": "fast",
    "IMPORT_FILTERING_OPTS_ALLOWED_PORTS": "[]",
    "IMPORT_FILTERING_OPTS_ALLOW_PRIVATE": "true",
}
"""Settings of a service with several stores, that fetches from this host too."""


def eventually(is_so: Callable[[], Any], seconds: float = 10.0, what: str = "it") -> Any:
    """Wait until something is so; what it then is."""
    deadline = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < deadline, f"{what} did not come to be within {seconds} seconds"
        time.sleep(0.03)
    return found


def in_background(function: Callable[..., Any], *arguments: Any) -> "Future[Any]":
    """Run it in a thread; what it returns or raises."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(function(*arguments))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


@dataclass
class Rig:
    """A service whose daemons run under the launcher, each with a fault file of its own."""

    service: Service
    images: Path | None = None
    """Where the store is, if not at its place in the data directory."""
    elsewhere: Mapping[str, Path] = field(default_factory=dict)
    """The same of several stores and of staging, by store."""

    @classmethod
    def make(cls, data_dir: Path, deployment: str = "together", **settings: Any) -> "Rig":
        service = make_service(data_dir, deployment, **{"REGISTRY_LEASE_SECONDS": str(LEASE)} | settings)
        for daemon in service.daemons:
            daemon.launcher = (sys.executable, str(LAUNCHER), str(_fault_file(daemon)))
        return cls(service)

    @property
    def api(self) -> Api:
        return Api(self.service.url, "project")

    @property
    def directory(self) -> Path:
        return self.images or self.service.data_dir / "images"

    def arm(self, action: str, step: str, role: str = "api", spared: Iterable[str] = ()) -> None:
        """Let this happen at that step, once, with any blob but the spared ones."""
        daemon = self.daemon(role)
        for ending in (".reached", ".go"):
            Path(f"{_fault_file(daemon)}{ending}").unlink(missing_ok=True)
        fresh = Path(f"{_fault_file(daemon)}.new")
        fresh.write_text(" ".join((action, step, *spared)))
        fresh.rename(_fault_file(daemon))

    def disarm(self) -> None:
        for daemon in self.service.daemons:
            _fault_file(daemon).unlink(missing_ok=True)

    def reached(self, role: str = "api") -> bool:
        return Path(f"{_fault_file(self.daemon(role))}.reached").exists()

    def arm_and_go(self, action: str, step: str) -> None:
        """Release what `block` holds, for it to come to this step."""
        self.arm(action, step)
        self.go()

    def wait_reached(self, role: str = "api") -> None:
        eventually(lambda: self.reached(role), what="the armed step")

    def go(self, role: str = "api") -> None:
        """Release what `block` holds."""
        Path(f"{_fault_file(self.daemon(role))}.go").touch()

    def daemon(self, role: str) -> Daemon:
        return self.service.daemons[0] if role == "registry" else self.service.api

    def kill(self, *daemons: Daemon) -> None:
        """SIGKILL; until the last of each daemon's processes has let go of its port."""
        for daemon in daemons or self.service.daemons:
            daemon.kill()
        for daemon in daemons or self.service.daemons:
            eventually(lambda port=daemon.port: not _is_open(port), 10, "a closed port")

    def restart(self, *daemons: Daemon) -> None:
        self.kill(*daemons)
        for daemon in daemons or self.service.daemons:
            daemon.start()

    # What is there ------------------------------------------------------------------------------------------------

    @property
    def places(self) -> Mapping[str, Path]:
        """The directories of the stores and of staging, by store."""
        options, data_dir = self.service.api.options, self.service.data_dir
        named = [one.partition(":")[0] for one in options.get("GLANCELITE_ENABLED_BACKENDS", "").split(",") if one]
        stores = {one: data_dir / "stores" / one for one in named} or {"file": self.directory}
        return stores | {STAGING: data_dir / "staging"} | self.elsewhere

    def files(self, directory: Path | None = None) -> set[str]:
        """Names in the store's directory, its marker aside."""
        directory = directory or self.directory
        if not directory.exists():  # the first worker makes it
            return set()
        return {path.name for path in directory.iterdir()} - {MARKER}

    def all_files(self) -> set[tuple[str, str]]:
        """Stores, staging among them, and the names that are there."""
        return {(store, name) for store, directory in self.places.items() for name in self.files(directory)}

    def named(self) -> set[tuple[str, str]]:
        """Stores and the files that are to be there for images that have data, or have some staged."""
        return set(self.rows("SELECT store, blobs.key FROM blobs WHERE state IN ('live', 'staged')"))

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows of the service's database, read behind its back."""
        return read_rows(self.service.database, statement)

    def tamper(self, statement: str, *values: Any) -> None:
        """Change the service's database behind its back."""
        assert change_rows(self.service.database, statement, *values), "nothing was tampered with"

    def live_keys(self) -> set[str]:
        return {key for (key,) in self.rows("SELECT blobs.key FROM blobs WHERE state = 'live'")}

    def status(self, image_id: str) -> str:
        return str(self.api.show(image_id)["status"])

    def wait_status(self, image_id: str, status: str) -> None:
        eventually(lambda: self.status(image_id) == status, 3 * LEASE + 7, f"status {status}")

    def wait_only_live(self) -> None:
        """Until stores and staging hold what images need, and nothing else."""
        eventually(lambda: self.all_files() == self.named(), 3 * LEASE + 7, "stores with bytes that are needed only")

    def assert_nothing_left(self) -> None:
        """What went wrong is over: nobody is busy, and the store holds what live images need and nothing else."""
        self.wait_only_live()
        assert self.rows("SELECT id FROM work") == []

    def wait_settled(self) -> None:
        """Until nothing of what went wrong is left: no work, no bytes being written or dropped."""
        left = "SELECT blobs.key FROM blobs WHERE state NOT IN ('live', 'staged') UNION ALL SELECT id FROM work"
        eventually(lambda: not self.rows(left), 3 * LEASE + 10, "a registry without leftovers")
        assert self.all_files() == self.named()

    def wait_housekeeping(self) -> None:
        """Until housekeeping has come to staging, which it looks at last, twice more: one look is then over."""
        told = f"SELECT tender_until FROM stores WHERE id = '{STAGING}'"
        for _ in range(2):
            before = self.rows(told)
            eventually(lambda before=before: self.rows(told) != before)

    def assert_clean(self) -> None:
        done = self.service.fsck("--hash")
        assert (done.returncode, done.stdout) == (0, "clean\n"), done.stdout + done.stderr

    # Imports ------------------------------------------------------------------------------------------------------

    def stage(self, image_id: str, data: Any) -> Reply:
        return self.api.put(f"/v2/images/{image_id}/stage", data, content_type="application/octet-stream")

    def ask_import(self, image_id: str, name: str, uri: str | None = None, **body: Any) -> Reply:
        """Ask for an import as somebody who may: for copies that is an administrator."""
        api = self.api.as_admin() if name == "copy-image" else self.api
        method = {"name": name} | ({} if uri is None else {"uri": uri})
        return api.post(f"/v2/images/{image_id}/import", {"method": method} | body)

    def tasks(self, image_id: str) -> list[tuple[str, str]]:
        """Status and message of each task about an image, the oldest first."""
        return [
            (str(status), str(message))
            for status, message in self.rows(
                f"SELECT status, message FROM tasks WHERE image_id = '{image_id}' ORDER BY created_at"
            )
        ]

    def wait_ended(self, image_id: str, seconds: float = 5 * LEASE + 15) -> list[tuple[str, str]]:
        """Until no task about the image is under way; how they ended."""
        ended = ("success", "failure")
        eventually(lambda: all(one in ended for one, _ in self.tasks(image_id)), seconds, "the end of a task")
        return self.tasks(image_id)

    def assert_at_rest(self) -> None:
        """Nothing is under way, no byte is there that nobody needs, and fsck is content."""
        self.assert_nothing_left()
        assert self.rows("SELECT id FROM tasks WHERE status NOT IN ('success', 'failure')") == []
        assert fsck(self, "--hash") == (0, "clean\n")

    def assert_takes_upload(self, image_id: str, data: bytes) -> None:
        """The image, queued again, becomes active with this."""
        assert self.status(image_id) == "queued"
        reply = self.api.upload(image_id, data)
        assert reply.status == 204, reply.text
        self.assert_holds(image_id, data)

    def assert_holds(self, image_id: str, data: bytes) -> None:
        image = self.api.show(image_id)
        assert (image["status"], image["size"]) == ("active", len(data))
        assert self.api.get(image["file"]).body == data


def fsck(rig: Rig, *arguments: str) -> tuple[int, str]:
    """The command's exit code and what it says; here and not in a process of its own, for there are many of these."""
    own = environment(rig.service.daemons[0].options)
    with redirect_stdout(StringIO()) as said, mock.patch.dict(os.environ, own, clear=True):
        code = run(["fsck", "--data-dir", str(rig.service.data_dir), *arguments], Session())
    return code, said.getvalue()


def _is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except ConnectionError:
        return False
    return True


def _fault_file(daemon: Daemon) -> Path:
    return daemon.data_dir.parent / f"{daemon.data_dir.name}-{daemon.role}.fault"


# A client that we hold by its socket ----------------------------------------------------------------------------------


class RawUpload:
    """An upload over a bare socket: bytes go out when they are told to, the answer is what comes back."""

    def __init__(self, api: Api, image_id: str, length: int | None) -> None:
        host, _, port = api.url.removeprefix("http://").partition(":")
        self.socket = socket.create_connection((host, int(port)), 30)
        framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        self.is_chunked = length is None
        lines = [
            f"PUT /v2/images/{image_id}/file HTTP/1.1",
            f"Host: {host}:{port}",
            "Content-Type: application/octet-stream",
            "Accept: application/json",
            framing,
            *(f"{name}: {value}" for name, value in api.identity().items()),
        ]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())

    def send(self, data: bytes) -> None:
        self.socket.sendall(b"%x\r\n%b\r\n" % (len(data), data) if self.is_chunked else data)

    def send_all(self, blocks: Iterable[bytes]) -> None:
        for block in blocks:
            self.send(block)

    def end(self) -> None:
        """The last chunk."""
        self.socket.sendall(b"0\r\n\r\n")

    def vanish(self) -> None:
        self.socket.close()

    def answer(self) -> bytes:
        """The raw answer; what there is of it, where the connection breaks."""
        received = b""
        self.socket.settimeout(30)
        with suppress(ConnectionError), self.socket:
            while not _is_whole(received) and (part := self.socket.recv(65536)):
                received += part
        return received

    def status(self) -> int:
        answer = self.answer()
        return int(answer.split(b" ", 2)[1]) if answer else 0


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: *(\d+)", head.lower())
    return bool(end) and len(body) >= (int(length[1]) if length else 0)
