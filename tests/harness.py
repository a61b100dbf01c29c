"""What tests speak with: a real service in processes of its own, and a small client that says who asks.

Nothing here knows glancelite's insides: services are started by the command line and talked to over HTTP.
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import urllib3
from loaded.services import Forked, seed

START_SECONDS = 60
PATCH_21 = "application/openstack-images-v2.1-json-patch"
PATCH_20 = "application/openstack-images-v2.0-json-patch"


def database_of(data_dir: Path) -> Mapping[str, str]:
    """The option that says where the database of a data directory is: `databases.on_chosen_database` replaces this."""
    return {}


def free_port() -> int:
    """A port that nobody uses, and that no connection going out is given before a server has bound it."""
    while True:
        with suppress(OSError), socket.create_server(("127.0.0.1", random.randrange(10_000, 32_000))) as probe:
            return int(probe.getsockname()[1])


def command(*arguments: str) -> list[str]:
    """The glancelite command line of this environment, as words."""
    return [sys.executable, "-m", "glancelite.cli", *arguments]


def environment(options: Mapping[str, str] | None = None) -> dict[str, str]:
    """This environment without settings of its own, plus `options` (GLANCELITE_… variables)."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GLANCELITE_", "OS_"))}
    clean["PYTHONWARNINGS"] = "default"
    return clean | dict(options or {})


@dataclass
class Daemon:
    """One `glancelite server run` process, on a port that it keeps over restarts."""

    role: str
    data_dir: Path
    arguments: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    launcher: tuple[str, ...] = (sys.executable, "-m", "glancelite.cli")
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | Forked | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.data_dir.parent / f"{self.data_dir.name}-{self.role}-{self.port}.log"

    def start(self, wait: bool = True) -> Self:
        words = [*self.launcher, "server", "run", self.role, "--bind", f"127.0.0.1:{self.port}"]
        words += ["--data-dir", str(self.data_dir), *self.arguments]
        with self.log.open("ab") as log:
            if words[0] == sys.executable:
                self.process = seed().start(words[1:], environment(self.options), log, log)
            else:
                self.process = subprocess.Popen(
                    words, env=environment(self.options), stdout=log, stderr=log, start_new_session=True
                )
        if wait:
            self.wait()
        return self

    def wait(self) -> None:
        """Until it answers."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process is not None and self.process.poll() is None, self.log.read_text()
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise AssertionError(f"{self.role} did not start:\n{self.log.read_text()}")

    def stop(self) -> int:
        """SIGTERM and its drain; the exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self.process = None
        return code

    def kill(self) -> None:
        """SIGKILL for the master and all workers at once: what a power cut leaves of a process."""
        if self.process is not None:
            with suppress(ProcessLookupError):  # it was killed at an armed step
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(60)
            self.process = None
            self._wait_until_deaf()

    def _wait_until_deaf(self) -> None:
        """Workers let go of the port a moment after their master is gone; a restart must not hear one of them."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                return
            time.sleep(0.01)
        raise AssertionError(f"{self.role} still answers after it was killed")


@dataclass
class Service:
    """An Image API to talk to: API and registry together in one daemon, or apart in two."""

    daemons: tuple[Daemon, ...]

    @property
    def api(self) -> Daemon:
        return self.daemons[-1]

    @property
    def url(self) -> str:
        return self.api.url

    @property
    def data_dir(self) -> Path:
        return self.api.data_dir

    def start(self) -> Self:
        for daemon in self.daemons:
            daemon.start()
        return self

    def stop(self) -> list[int]:
        return [daemon.stop() for daemon in reversed(self.daemons)]

    def kill(self) -> None:
        for daemon in reversed(self.daemons):
            daemon.kill()

    @property
    def database(self) -> str:
        """The URL of its database."""
        given = self.daemons[0].options.get("GLANCELITE_DATABASE_CONNECTION")
        return given or f"sqlite:///{self.data_dir}/glancelite.sqlite"

    def fsck(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """`glancelite fsck` with this service's configuration (where the registry is, this host's database)."""
        words = command("fsck", "--data-dir", str(self.data_dir), *arguments)
        return seed().run(words[1:], environment(self.daemons[0].options))


def make_service(
    data_dir: Path, deployment: str = "together", auth: str = "trusted", workers: int = 1, **options: str
) -> Service:
    """A service that is not started yet. `options` are GLANCELITE_… variables without their prefix."""
    data_dir.mkdir(parents=True, exist_ok=True)
    if "DATABASE_CONNECTION" not in options:
        options = {**database_of(data_dir), **options}
    variables = {f"GLANCELITE_{name}": value for name, value in options.items()}
    arguments: tuple[str, ...] = ("--auth", auth, "--workers", str(workers))
    if deployment == "together":
        return Service((Daemon("all", data_dir, arguments, variables),))
    registry = Daemon("registry", data_dir, (), variables)
    return Service((registry, Daemon("api", data_dir, (*arguments, "--registry", registry.url), variables)))


@contextmanager
def running(service: Service) -> Iterator[Service]:
    service.start()
    try:
        yield service
    finally:
        service.stop()


# The client -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reply:
    """An answer: status, headers (any case), body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


class Api:
    """A caller of the Image API behind the `trusted` pipeline: by default a plain member of a project of its own."""

    def __init__(
        self, url: str, project: str | None = None, roles: str = "member,reader", user: str = "someone"
    ) -> None:
        self.url = url
        self.project = project or uuid.uuid4().hex
        self.roles, self.user = roles, user
        self._pool = urllib3.PoolManager(retries=False, timeout=60)

    def as_project(self, project: str, roles: str = "member,reader") -> "Api":
        return Api(self.url, project, roles)

    def as_stranger(self) -> "Api":
        """A member of some other project."""
        return Api(self.url)

    def as_admin(self) -> "Api":
        return Api(self.url, "admin-project", "admin,member,reader")

    def as_reader(self) -> "Api":
        """Somebody of the same project who may only read."""
        return Api(self.url, self.project, "reader")

    def as_nobody(self) -> "Api":
        """Somebody without credentials."""
        anonymous = Api(self.url)
        anonymous.identity = lambda: {}  # type: ignore[method-assign]
        return anonymous

    def identity(self) -> dict[str, str]:
        return {
            "X-Identity-Status": "Confirmed",
            "X-User-Id": self.user,
            "X-Project-Id": self.project,
            "X-Roles": self.roles,
        }

    def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **kwargs: Any
    ) -> Reply:
        """Any request; a `body` of bytes, an iterator (sent chunked) or something that becomes JSON."""
        if body is not None and not isinstance(body, (bytes, bytearray)) and not hasattr(body, "__next__"):
            body = json.dumps(body).encode()
        sent = {"Accept": "application/json"} | self.identity() | dict(headers or {})
        answer = self._pool.request(method, self.url + path, body=body, headers=sent, redirect=False, **kwargs)
        return Reply(answer.status, answer.headers, answer.data)

    def get(self, path: str, **headers: str) -> Reply:
        return self.request("GET", path, headers=_named(headers))

    def delete(self, path: str, **headers: str) -> Reply:
        return self.request("DELETE", path, headers=_named(headers))

    def post(self, path: str, body: Any, **headers: str) -> Reply:
        return self.request("POST", path, body, _named(headers))

    def put(self, path: str, body: Any, **headers: str) -> Reply:
        return self.request("PUT", path, body, _named(headers))

    def create(self, **fields: Any) -> dict[str, Any]:
        """A new raw, bare image, accepted; older than what comes after it: SQLite's clock counts milliseconds."""
        reply = self.post("/v2/images", {"disk_format": "raw", "container_format": "bare"} | fields)
        assert reply.status == 201, reply.text
        time.sleep(0.001)
        document: dict[str, Any] = reply.json
        return document

    def upload(self, image_id: str, data: Any, **headers: str) -> Reply:
        sent = {"Content-Type": "application/octet-stream"} | _named(headers)
        return self.request("PUT", f"/v2/images/{image_id}/file", data, sent)

    def create_with(self, data: bytes, **fields: Any) -> dict[str, Any]:
        """A new image that is active with this data."""
        image = self.create(**fields)
        reply = self.upload(image["id"], data)
        assert reply.status == 204, reply.text
        return self.show(image["id"])

    def show(self, image_id: str) -> dict[str, Any]:
        reply = self.get(f"/v2/images/{image_id}")
        assert reply.status == 200, reply.text
        document: dict[str, Any] = reply.json
        return document

    def patch(self, image_id: str, operations: Any, media_type: str = PATCH_21) -> Reply:
        return self.request("PATCH", f"/v2/images/{image_id}", operations, {"Content-Type": media_type})

    def list(self, query: str = "") -> list[dict[str, Any]]:
        reply = self.get("/v2/images" + (f"?{query}" if query else ""))
        assert reply.status == 200, reply.text
        images: list[dict[str, Any]] = reply.json["images"]
        return images


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    """Keyword names as header names: `content_type` is Content-Type."""
    return {name.replace("_", "-").title(): value for name, value in headers.items()}
