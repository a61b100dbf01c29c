"""The registry in a daemon of its own: the same contract over HTTP, and who is let in."""

import json
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
import urllib3
from contract.registry_contract import RegistryContract
from contract.registry_rig import CTX, DATA
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from glancelite.config import load
from glancelite.domain.image import Image
from glancelite.domain.ports import Intent, Registry
from glancelite.domain.task import Task
from glancelite.errors import ConfigError, GlanceliteError, ImageNotFound, RegistryRefused, RegistryUnavailable
from glancelite.registry import codec
from glancelite.registry.app import RegistryApp
from glancelite.registry.local import LocalRegistry
from glancelite.registry.remote import Connection, RemoteRegistry, connect_registry

KEY = b"the key"


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        """Nothing: pytest shows what matters."""


@pytest.fixture
def daemon(local: LocalRegistry) -> Iterator[BaseWSGIServer]:
    server = make_server("127.0.0.1", 0, RegistryApp(local, KEY), threaded=True, request_handler=Quiet)
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def connect(daemon: BaseWSGIServer, key: bytes = KEY) -> Any:
    return RemoteRegistry(Connection(f"http://127.0.0.1:{daemon.server_port}", key, 10.0, 8))


@pytest.fixture
def remote(daemon: BaseWSGIServer) -> Iterator[Any]:
    registry = connect(daemon)
    yield registry
    registry.close()


class TestRemoteRegistry(RegistryContract):
    @pytest.fixture
    def registry(self, remote: Registry) -> Registry:
        return remote


def post(daemon: BaseWSGIServer, operation: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
    url = f"http://127.0.0.1:{daemon.server_port}/rpc/{operation}"
    with urllib3.PoolManager() as pool:
        answer = pool.request("POST", url, body=body, headers=headers)
    return answer.status, json.loads(answer.data)


def signed(daemon: BaseWSGIServer, operation: str, arguments: Any) -> tuple[int, Any]:
    body = arguments if isinstance(arguments, bytes) else json.dumps(arguments).encode()
    return post(daemon, operation, body, codec.sign(KEY, operation, body))


BODY = b'{"store": "x"}'


@pytest.mark.parametrize(
    "headers",
    [
        {},
        codec.sign(b"another key", "show_marker", BODY),
        codec.sign(KEY, "show_status", BODY),
        codec.sign(KEY, "show_marker", b"{}"),
        {codec.DATE_HEADER: "0", codec.SIGNATURE_HEADER: codec._digest(KEY, "show_marker", "0", BODY)},
        {codec.DATE_HEADER: "nan", codec.SIGNATURE_HEADER: codec._digest(KEY, "show_marker", "nan", BODY)},
        {codec.DATE_HEADER: "1", codec.SIGNATURE_HEADER: "\xe4"},
    ],
)
def test_who_does_not_sign_rightly_is_refused(daemon: BaseWSGIServer, headers: dict[str, str]) -> None:
    status, document = post(daemon, "show_marker", BODY, headers)
    assert (status, document["code"]) == (401, "unauthorized")


def test_who_is_not_let_in_does_not_learn_what_there_is(daemon: BaseWSGIServer) -> None:
    assert post(daemon, "no_such_operation", b"{}", {})[0] == 401
    assert signed(daemon, "no_such_operation", {})[0] == 404


@pytest.mark.parametrize("operation", ["close", "upgrade", "_db", "__init__", "check_invariants/x"])
def test_only_operations_of_the_port_can_be_called(daemon: BaseWSGIServer, operation: str) -> None:
    assert signed(daemon, operation, {})[0] == 404


CONTEXT = json.loads(codec.to_wire(CTX))


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("show_marker", b"{"),
        ("show_marker", []),
        ("show_marker", None),
        ("show_marker", {}),
        ("show_marker", {"store": 5}),
        ("show_marker", {"store": None}),
        ("show_image", {"context": None, "image_id": "x"}),
        ("show_image", {"context": {"rank": 5}, "image_id": "x"}),
        ("show_image", {"context": CONTEXT, "image_id": 5}),
        ("renew_process", {"process": "x", "lease": "long"}),
        ("renew_process", {"process": "x", "lease": True}),
        ("list_blobs", {"store": "x", "after": "", "limit": "5"}),
        ("list_images", {"context": CONTEXT, "query": {"limit": 5, "sort": [["id"]]}}),
        ("list_images", {"context": CONTEXT, "query": {"limit": 5, "sort": "id"}}),
        ("list_images", {"context": CONTEXT, "query": {}}),
        ("create_image", {"context": CONTEXT, "image": {"id": 5}}),
        ("create_image", {"context": CONTEXT, "image": {"id": "x", "tags": 5}}),
        ("create_image", {"context": CONTEXT, "image": {"id": "x", "properties": 5}}),
        ("update_image", {"context": CONTEXT, "image_id": "x", "revision": 0, "changes": 5}),
    ],
)
def test_arguments_that_are_not_understood_are_refused(daemon: BaseWSGIServer, operation: str, arguments: Any) -> None:
    status, document = signed(daemon, operation, arguments)
    assert (status, document["code"] in ("bad-request", "malformed-json")) == (400, True)


def test_another_method_is_refused(daemon: BaseWSGIServer) -> None:
    with urllib3.PoolManager() as pool:
        answer = pool.request("GET", f"http://127.0.0.1:{daemon.server_port}/rpc/show_status")
    assert answer.status == 405


def test_what_nobody_foresaw_is_logged_there_and_an_error_here(
    local: LocalRegistry, remote: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(local, "show_status", lambda: 1 / 0)

    with pytest.raises(GlanceliteError) as caught:
        remote.show_status()

    assert (caught.value.code, caught.value.status) == ("internal-error", 500)
    assert "/rpc/show_status failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_another_key_is_the_nodes_fault_not_the_requests(daemon: BaseWSGIServer) -> None:
    stranger = connect(daemon, b"another key")
    with pytest.raises(RegistryRefused, match="its key is another one"):
        stranger.show_status()
    stranger.close()


def test_an_error_arrives_as_what_it_is(remote: Any) -> None:
    with pytest.raises(ImageNotFound, match="No image found with ID 11111111-1111-1111-1111-111111111111"):
        remote.show_image(CTX, "11111111-1111-1111-1111-111111111111")


def test_without_a_daemon_the_outcome_is_unknown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    registry = RemoteRegistry(Connection(url, KEY, 5.0, 2))
    with pytest.raises(RegistryUnavailable, match="no answer from"):
        registry.show_status()


def test_a_body_that_breaks_off_is_the_asker_s_and_no_fault_of_the_daemon(
    local: LocalRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def read(self, _: int) -> bytes:
            raise ConnectionError("the client has gone")

    said: list[str] = []
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/rpc/show_status", "CONTENT_LENGTH": "5", "wsgi.input": Broken()}
    answer = RegistryApp(local, KEY)(environ, lambda status, *_: said.append(status))  # type: ignore[arg-type, func-returns-value, return-value]

    assert said == ["400 Bad Request"]
    assert b"the client has gone" in b"".join(answer)
    assert caplog.text == ""


@pytest.mark.parametrize("place", ["http://h:1/\xe4", "http://h:1/a b", "http://h ost:1", "http://", "ftp://h:1"])
def test_a_place_that_no_request_can_name_is_refused_at_the_start(place: str) -> None:
    config = load(environ={"GLANCELITE_REGISTRY_LOCATION": place})
    with pytest.raises(ConfigError, match="location"):
        connect_registry(config)


def test_a_host_that_there_cannot_be_is_not_reached() -> None:
    registry = RemoteRegistry(Connection("http://a..b:1", KEY, 5.0, 2))
    with pytest.raises(RegistryUnavailable, match="no answer from"):
        registry.show_status()


@contextmanager
def impostor(*answers: bytes) -> Iterator[tuple[Any, list[bytes]]]:
    """A registry at a place where each request gets the next of these answers and a close; the requests it got."""
    asked: list[bytes] = []

    def serve() -> None:
        with suppress(OSError):  # at the end, when its socket is shut
            for answer in answers:
                peer, _ = server.accept()
                with peer:
                    asked.append(peer.recv(65536))
                    peer.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        registry = RemoteRegistry(Connection(f"http://127.0.0.1:{server.getsockname()[1]}", KEY, 5.0, 2))
        try:
            yield registry, asked
        finally:
            registry.close()
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


NONSENSE = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK",
    b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
    b"SSH-2.0\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000,
    b"HTTP/1.1 102 Wait\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
)
STATUS = b'{"schema": "x", "is_current": true}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(STATUS), STATUS)


@pytest.mark.parametrize("answer", NONSENSE)
def test_what_is_no_registry_is_unavailable(answer: bytes) -> None:
    with impostor(answer, answer) as (registry, _), pytest.raises(RegistryUnavailable):
        registry.show_status()


def test_a_connection_that_was_closed_meanwhile_is_not_used_again() -> None:
    with impostor(ANSWER, ANSWER) as (registry, asked):
        registry.show_status()
        time.sleep(0.05)  # the end has come by now
        with pytest.raises(RegistryUnavailable, match="not understood"):  # an answer, if to another question
            registry.create_image(CTX, Image(id="x"))
    assert len(asked) == 2


def test_one_connection_serves_one_request_after_the_other() -> None:
    def serve() -> None:
        peer, _ = server.accept()
        with peer:
            while peer.recv(65536):
                peer.sendall(ANSWER)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        registry = RemoteRegistry(Connection(f"http://127.0.0.1:{server.getsockname()[1]}", KEY, 2.0, 2))
        assert [registry.show_status().schema for _ in range(5)] == ["x"] * 5
        registry.close()
        thread.join()


def test_an_answer_that_comes_too_late_is_not_taken_for_the_next() -> None:
    late, prompt = ANSWER.replace(b'"x"', b'"a"'), ANSWER.replace(b'"x"', b'"b"')

    def serve() -> None:
        first, _ = server.accept()
        first.recv(65536)
        second, _ = server.accept()  # who asked has given up
        with first, second, suppress(OSError):
            first.sendall(late)
            second.recv(65536)
            second.sendall(prompt)
            second.recv(65536)
            second.sendall(prompt)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        registry = RemoteRegistry(Connection(f"http://127.0.0.1:{server.getsockname()[1]}", KEY, 0.3, 2))
        assert [registry.show_status().schema for _ in range(2)] == ["b", "b"]
        registry.close()
        thread.join()


def test_a_registry_may_stand_behind_tls(local: LocalRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, ours = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(ours)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    app = RegistryApp(local, KEY)
    server = make_server("localhost", 0, app, threaded=True, request_handler=Quiet, ssl_context=ours)
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    registry = RemoteRegistry(Connection(f"https://localhost:{server.server_port}/", KEY, 10.0, 2))

    with pytest.raises(RegistryUnavailable, match="certificate verify failed"):
        registry.show_status()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    made = registry.create_image(CTX, Image(id=str(uuid.uuid4()), owner="mine"))
    assert registry.show_image(CTX, made.id) == made

    registry.close()
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_answer_that_is_lost_is_asked_for_again() -> None:
    with impostor(b"", ANSWER) as (registry, asked):
        assert registry.show_status().schema == "x"
    assert len(asked) == 2


def test_a_change_whose_answer_is_lost_is_not_made_twice() -> None:
    image = Image(id="x")
    for act in (
        lambda registry: registry.create_image(CTX, image),
        lambda registry: registry.update_image(CTX, image, {}),
        lambda registry: registry.delete_image(CTX, "x", 0, None),
        lambda registry: registry.park_blob(CTX, Intent("k", "x", "s", "p"), DATA, {}),
        lambda registry: registry.commit_copy(CTX, Intent("k", "x", "s", "p"), DATA, "u"),
        lambda registry: registry.add_task(CTX, Task(id="t", type="import")),
        lambda registry: registry.begin_import(CTX, image, {}, Task(id="t", type="import")),
    ):
        with impostor(b"", ANSWER) as (registry, asked):
            with pytest.raises(RegistryUnavailable):
                act(registry)
            assert len(asked) == 1
