"""How these tests talk: `glancelite(...)` runs the command in a process of its own, `endpoint` is a live service, and
`canned` is a server that says what a test tells it, for what a good service never does."""

import json
import os
import ssl
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cli.glance_server import running_glance
from clients.cloud import client
from harness import command, make_service, running
from loaded import Done, Run, loaded, peers, run_alone

TLS = Path(__file__).with_name("tls.pem")
PINNED = "python-openstackclient==10.5.0"


@pytest.fixture(
    scope="session",
    params=[
        "together", pytest.param("apart", marks=pytest.mark.slow), pytest.param("glance", marks=pytest.mark.slow),
    ],
)  # fmt: skip
def endpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service as a newcomer starts it, where everybody may do everything; the same in two daemons; a real Glance."""
    place = tmp_path_factory.mktemp("cli") / "data"
    if request.param == "glance":
        with running_glance(place) as url:
            yield url
        return
    with running(make_service(place, request.param, auth="none")) as service:
        yield service.url


WITH_GLANCE = ("test_images", "test_create", "test_save", "test_members", "test_about", "test_several", "test_peer")
"""Modules whose tests are run against a real Glance too, but for those of `BEYOND_GLANCE`."""

BEYOND_GLANCE: dict[str, str] = {
    "test_a_failed_upload_says_why_and_leaves_no_image": "the sentence is ours; Glance's is told as well",
    "test_what_the_service_refuses_to_change_is_said_in_its_words": "the sentence is ours; Glance's is told as well",
}
"""Tests that Glance cannot pass, by the beginnings of their names, and why."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what does not say something of Glance."""
    left = [item for item in items if not _is_beyond_glance(item)]
    config.hook.pytest_deselected(items=[item for item in items if _is_beyond_glance(item)])
    items[:] = left


def _is_beyond_glance(item: pytest.Item) -> bool:
    call = getattr(item, "callspec", None)
    if item.path.parent != Path(__file__).parent or call is None or call.params.get("endpoint") != "glance":
        return False
    return item.path.stem not in WITH_GLANCE or item.name.startswith(tuple(BEYOND_GLANCE))


@pytest.fixture
def environ(tmp_path: Path, endpoint: str) -> dict[str, str]:
    """A bare environment that points to the live service."""
    home = tmp_path / "home"
    home.mkdir()
    given = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return {**given, "HOME": str(home), "OS_AUTH_TYPE": "none", "OS_ENDPOINT": endpoint}


@pytest.fixture
def glancelite(ours: Run, environ: dict[str, str], tmp_path: Path) -> Run:
    """Runs a command line; `stdin` is bytes for a pipe, an open file, or nothing at all."""

    def run(*args: str | Path, stdin: Any = None, cwd: Path = tmp_path, **env: str | None) -> Done:
        return _run(ours, args, {**environ, **env}, cwd, stdin)

    return run


@pytest.fixture(scope="session")
def openstack_path() -> Path:
    """The peer's command."""
    return client("openstack", PINNED) / "openstack"


@pytest.fixture(scope="session")
def peer(openstack_path: Path) -> Iterator[Run]:
    """Runs the peer's command: words, the whole environment, the folder to be in."""
    with peers() as find:
        run = find(openstack_path)
        assert run is not None
        yield run


@pytest.fixture(scope="session")
def ours() -> Iterator[Run]:
    """Runs our command in the same way."""
    with loaded(Path(sys.executable), "glancelite.cli", "many_glancelite.py") as run:
        yield run


@pytest.fixture
def openstack(peer: Run, openstack_path: Path, environ: dict[str, str], tmp_path: Path) -> Run:
    """Runs the peer's command on the same service; alone where it reads standard input."""

    def run(*args: str | Path, stdin: Any = None, **env: str) -> Done:
        words = [str(word) for word in args]
        if stdin is None:
            return peer(words, {**environ, **env}, tmp_path)
        return run_alone([openstack_path, *words], {**environ, **env}, tmp_path, stdin)

    return run


@pytest.fixture
def on_host(ours: Run, tmp_path: Path) -> Run:
    """Runs a command line where no service is spoken to: those on the host."""

    def run(*args: str | Path, **env: str | None) -> Done:
        return _run(ours, args, {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **env}, tmp_path, None)

    return run


def _run(ours: Run, args: tuple[str | Path, ...], environ: dict[str, str | None], cwd: Path, stdin: Any) -> Done:
    words = [str(word) for word in args]
    if stdin is None and not any(name.startswith(("PYTHONIO", "LC_", "LANG")) for name in environ):
        return ours(words, environ, cwd)
    return run_alone(command(*words), {name: value for name, value in environ.items() if value is not None}, cwd, stdin)


@pytest.fixture
def name() -> str:
    """A name that no other test gives an image."""
    return f"cirros-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A file of 3 MB that looks like no particular format."""
    file = tmp_path / "disk.img"
    file.write_bytes(os.urandom(1_000_000) * 3)
    return file


@pytest.fixture
def queued(glancelite: Run, name: str) -> str:
    """The id of an image without data."""
    return glancelite("image", "create", name, "-f", "value", "-c", "id").out.strip()


@dataclass
class Canned:
    """A server with ready-made answers: `answers[method, path]` is a status, headers and a body, or a function."""

    url: str
    answers: dict[tuple[str, str], Any]
    requests: list[tuple[str, str, dict[str, str]]]

    def be_keystone(self, **images: str) -> str:
        """Answer logins too, with a catalog that has the image service of each region; the URL to log in at."""
        places = [{"interface": "public", "region": region, "region_id": region, "url": url, "id": region}
                  for region, url in images.items()]  # fmt: skip
        token = {"methods": ["password"], "expires_at": "2999-01-01T00:00:00.000000Z", "roles": [],
                 "user": {"id": "u", "name": "ann", "domain": {"id": "d", "name": "d"}},
                 "issued_at": "2020-01-01T00:00:00.000000Z",
                 "catalog": [{"type": "image", "name": "glance", "id": "1", "endpoints": places}]}  # fmt: skip
        link = {"rel": "self", "href": f"{self.url}/v3/"}
        version = {"version": {"id": "v3.14", "status": "stable", "links": [link]}}
        self.answers["GET", "/v3"] = (200, {}, version)
        self.answers["POST", "/v3/auth/tokens"] = (201, {"X-Subject-Token": "from-keystone"}, {"token": token})
        return f"{self.url}/v3"


@pytest.fixture
def canned() -> Iterator[Canned]:
    with answering() as board:
        yield board


@pytest.fixture
def canned_tls() -> Iterator[Canned]:
    """The same over TLS, with a certificate that only signed itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS)
    with answering(context) as board:
        yield board


@contextmanager
def answering(context: ssl.SSLContext | None = None) -> Iterator[Canned]:
    board = Canned("", {}, [])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            path = self.path.partition("?")[0]
            board.requests.append((self.command, self.path, dict(self.headers)))
            answer = board.answers[self.command, path]
            if callable(answer):
                answer(self)
                return
            status, headers, body = answer
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.say(status, headers, body)

        def say(self, status: int, headers: dict[str, str], body: Any) -> None:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for key, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *args: None  # type: ignore[method-assign]
    board.url = f"http{'s' if context else ''}://127.0.0.1:{server.server_address[1]}"
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield board
    server.shutdown()
    server.server_close()
    thread.join()
