"""The real clients, each in an environment of its own, and a service that two projects share: the owner and the
partner, known by users file, each with a password and a token.
"""

import hashlib
import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from clients.cloud import HERE, PROJECTS, Caller, Cloud, Disk, Identity, Run, enlist
from harness import make_service, running
from loaded import peers

STORES = {"ENABLED_BACKENDS": "fast:file,cheap:file", "GLANCE_STORE_DEFAULT_BACKEND": "fast"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of this takes longer: environments are built on the first run, and each client takes its time to start."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("slow")
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def identity_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Identity)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v3"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory, identity_url: str) -> Iterator[Cloud]:
    data_dir = tmp_path_factory.mktemp("clients") / "data"
    service = make_service(data_dir, auth="file", **STORES)
    tokens = {name: enlist(data_dir, name, project) for name, project in PROJECTS.items()}
    with running(service):
        owner, partner = (Caller(service.url, PROJECTS[name], tokens[name]) for name in ("owner", "partner"))
        yield Cloud(service.url, owner, partner, identity_url, service.api.log)


@pytest.fixture(scope="session")
def loaded_peer() -> Iterator[Callable[[Path], Any]]:
    """How to run a command that takes long to load; None for others."""
    with peers() as find:
        yield find


@pytest.fixture
def run(tmp_path: Path, cloud: Cloud, loaded_peer: Callable[[Path], Any]) -> Run:
    """Runs a client's command to its good end and gives what it printed; knows nothing of this environment."""
    home = tmp_path / "home"
    home.mkdir()

    def run_client(*words: object, fails: bool = False, **variables: str) -> str:
        env = {"PATH": os.environ["PATH"], "HOME": str(home), **cloud.variables, **variables}
        if isinstance(words[0], Path) and (peer := loaded_peer(words[0])):
            # One that is loaded already has chosen the folders where it looks for this file.
            config = {"OS_CLIENT_CONFIG_FILE": str(tmp_path / "clouds.yaml")}
            told = peer(list(map(str, words[1:])), config | env, tmp_path)
            code, out, err = told.code, told.out, told.err
        else:
            done = subprocess.run(
                list(map(str, words)), env=env, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
            code, out, err = done.returncode, done.stdout, done.stderr
        assert (code != 0) == fails, f"{words}\n{out}\n{err}"
        return out

    return run_client


@pytest.fixture
def name() -> str:
    return f"cirros-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    data = os.urandom(3 << 20)
    path = tmp_path / "disk.raw"
    path.write_bytes(data)
    return Disk(path, hashlib.md5(data).hexdigest(), hashlib.sha512(data).hexdigest(), len(data))
