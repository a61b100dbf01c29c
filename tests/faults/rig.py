"""What the fault tests speak with: a service that a fault can be put into, and clients that misbehave."""

import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from databases import change_rows, read_rows
from harness import Api, Daemon, Service, make_service

LAUNCHER = Path(__file__).with_name("launcher.py")
LEASE = 1.0
BLOCK = 1 << 20
MARKER = ".glancelite-store"


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

    def files(self) -> set[str]:
        """Names in the store's directory, its marker aside."""
        if not self.directory.exists():  # the first worker makes it
            return set()
        return {path.name for path in self.directory.iterdir()} - {MARKER}

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
        """Until the store holds what live images need, and nothing else."""
        eventually(lambda: self.files() == self.live_keys(), 3 * LEASE + 7, "a store with live bytes only")

    def assert_nothing_left(self) -> None:
        """What went wrong is over: nobody is busy, and the store holds what live images need and nothing else."""
        self.wait_only_live()
        assert self.rows("SELECT id FROM work") == []

    def wait_settled(self) -> None:
        """Until nothing of what went wrong is left: no work, no bytes being written or dropped."""
        left = "SELECT blobs.key FROM blobs WHERE state != 'live' UNION ALL SELECT id FROM work"
        eventually(lambda: not self.rows(left), 3 * LEASE + 10, "a registry without leftovers")
        assert self.files() == self.live_keys()

    def wait_housekeeping(self) -> None:
        """Until housekeeping has begun a look at its stores twice more: one look is then over."""
        for _ in range(2):
            ((before,),) = self.rows("SELECT tender_until FROM stores")
            eventually(lambda before=before: self.rows("SELECT tender_until FROM stores") != [(before,)])

    def assert_clean(self) -> None:
        done = self.service.fsck("--hash")
        assert (done.returncode, done.stdout) == (0, "clean\n"), done.stdout + done.stderr

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
