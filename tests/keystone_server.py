"""A real Keystone for tests: installed once into an environment of its own, run on loopback with a fresh database."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import urllib3
from environments import CACHE, environment_of
from harness import free_port

PINNED = ("keystone==30.0.0", "gunicorn==27.0.1")
START_SECONDS = 60
EMPTY, DATABASE = "empty", "keystone.sqlite"
ADMIN = {"username": "root", "password": "secret", "project_name": "admin"}

CONFIG = """\
[database]
connection = sqlite:///{folder}/keystone.sqlite
[fernet_tokens]
key_repository = {folder}/keys
[fernet_receipts]
key_repository = {folder}/keys
[credential]
key_repository = {folder}/credential-keys
[identity]
password_hash_rounds = 4
[unified_limit]
enforcement_model = {limits}
[oslo_policy]
policy_file = {folder}/none.yaml
policy_dirs = {folder}/none.d
"""

SERVER = """\
wsgi_app = "keystone.wsgi.api:application"
bind = "127.0.0.1:{port}"
threads = 8
control_socket_disable = True
"""


def install() -> Path:
    """The bin folder of the environment with Keystone, beside which there is an empty database."""
    return environment_of(CACHE / "keystone", *PINNED, finish=_make_database)


def _make_database(environment: Path) -> None:
    """Making one takes longer than all that tests do with it."""
    keystone = Keystone(environment / EMPTY, environment / "bin")
    keystone.folder.mkdir()
    keystone.configure().manage("db_sync")


@dataclass
class Keystone:
    """One Keystone on a port that it keeps over restarts. `call` asks it as its administrator."""

    folder: Path
    bin: Path
    port: int = field(default_factory=free_port)
    limits: str = "flat"
    process: "subprocess.Popen[bytes] | None" = None
    _token: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v3"

    def create(self) -> Self:
        """Configuration, keys, an empty database, and the administrator."""
        self.folder.mkdir(parents=True)
        self.configure()
        whose = ("--keystone-user", str(os.getuid()), "--keystone-group", str(os.getgid()))
        shutil.copy(self.bin.parent / EMPTY / DATABASE, self.folder)
        self.manage("fernet_setup", *whose)
        self.manage("credential_setup", *whose)
        urls = [word for kind in ("public", "internal") for word in (f"--bootstrap-{kind}-url", self.url)]
        who = ("--bootstrap-username", ADMIN["username"], "--bootstrap-password", ADMIN["password"])
        self.manage("bootstrap", *who, "--bootstrap-region-id", "RegionOne", *urls)
        return self

    def configure(self) -> Self:
        """Its settings, in a folder that may be a copy of another's."""
        (self.folder / "keystone.conf").write_text(CONFIG.format(folder=self.folder, limits=self.limits))
        (self.folder / "gunicorn.conf.py").write_text(SERVER.format(port=self.port))
        return self

    def manage(self, *words: str) -> None:
        """Run keystone-manage on it."""
        line = [self.bin / "keystone-manage", "--config-file", self.folder / "keystone.conf", *words]
        done = subprocess.run(line, env=self._environment(), capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        files = {"OS_KEYSTONE_CONFIG_FILES": str(self.folder / "keystone.conf"), "HOME": str(self.folder)}
        return kept | files | {"PYTHONWARNINGS": "ignore"}

    def start(self) -> Self:
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.bin / "gunicorn"], cwd=self.folder, env=self._environment(), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if urllib3.request("GET", self.url, retries=False, timeout=START_SECONDS).status == 200:
                    return self
            except urllib3.exceptions.HTTPError:
                time.sleep(0.1)
        self.stop()
        raise AssertionError("Keystone did not start:\n" + (self.folder / "server.log").read_text()[-4000:])

    def stop(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(60)
            self.process = None

    def call(self, method: str, path: str, body: Any = None, token: str = "", **headers: str) -> Any:
        """Ask as the administrator, or with this token; the parsed answer."""
        self._token = self._token or self.token(**ADMIN)
        sent = {"X-Auth-Token": token or self._token} | {name.replace("_", "-"): text for name, text in headers.items()}
        answer = self._request(method, path, body, sent)
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.data.decode()}"
        return json.loads(answer.data) if answer.data else None

    def _request(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        sent = {"Content-Type": "application/json"} | dict(headers)
        data = None if body is None else json.dumps(body).encode()
        return urllib3.request(method, self.url + path, body=data, headers=sent, retries=False, timeout=60)

    def make(self, kind: str, **fields: Any) -> str:
        """A new project, user, service … ; its id."""
        identity: str = self.call("POST", f"/{kind}s", {kind: fields})[kind]["id"]
        return identity

    def find(self, kind: str, name: str) -> str:
        """The id of what has this name."""
        identity: str = self.call("GET", f"/{kind}s?name={name}")[f"{kind}s"][0]["id"]
        return identity

    def token(self, scope: Any = None, **who: str) -> str:
        """A token by password for a project, or of another scope; or by application credential (`id`, `secret`)."""
        if "secret" in who:
            identity: Any = {"methods": ["application_credential"], "application_credential": who}
            wanted = None
        else:
            user = {"name": who["username"], "domain": {"id": "default"}, "password": who["password"]}
            identity = {"methods": ["password"], "password": {"user": user}}
            wanted = scope or {"project": {"name": who["project_name"], "domain": {"id": "default"}}}
        body = {"auth": {"identity": identity} | ({"scope": wanted} if wanted else {})}
        answer = self._request("POST", "/auth/tokens", body, {})
        assert answer.status == 201, answer.data.decode()
        return answer.headers["X-Subject-Token"]
