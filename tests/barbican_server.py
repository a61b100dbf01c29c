"""A real Barbican for tests: installed once into an environment of its own, run on loopback behind a Keystone."""

import base64
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import urllib3
from environments import CACHE, environment_of
from harness import free_port
from keystone_server import START_SECONDS, Keystone

PINNED = ("barbican==23.0.0", "gunicorn==27.0.1")

CONFIG = """\
[DEFAULT]
host_href = {url}
db_auto_create = True
[simple_crypto_plugin]
kek = MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=
[database]
connection = sqlite:///{folder}/barbican.sqlite
[keystone_authtoken]
auth_type = password
auth_url = {keystone}
www_authenticate_uri = {keystone}
username = {username}
password = {password}
project_name = service
user_domain_name = Default
project_domain_name = Default
"""

PASTE = """\
[pipeline:main]
pipeline = authtoken context microversion app
[app:app]
paste.app_factory = barbican.api.app:create_main_app
[filter:context]
paste.filter_factory = barbican.api.middleware.context:ContextMiddleware.factory
[filter:microversion]
paste.filter_factory = barbican.api.middleware.microversion:MicroversionMiddleware.factory
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
[pipeline:versions]
pipeline = microversion version
[app:version]
paste.app_factory = barbican.api.app:create_version_app
[composite:urls]
use = egg:Paste#urlmap
/: versions
/v1: main
"""

SERVER = """\
from paste.deploy import loadapp
application = loadapp("config:{folder}/paste.ini", "urls")
"""


@dataclass
class Barbican:
    """One Barbican that logs in at this Keystone as `username`."""

    folder: Path
    keystone: Keystone
    username: str
    password: str
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        programs = environment_of(CACHE / "barbican", *PINNED)
        self._configure()
        words = [programs / "gunicorn", "--bind", f"127.0.0.1:{self.port}", "--no-control-socket", "--threads", "4"]
        environ = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        environ |= {"HOME": str(self.folder), "PYTHONWARNINGS": "ignore"}  # where it looks for its configuration
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*words, "server:application"], cwd=self.folder, env=environ, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if urllib3.request("GET", f"{self.url}/v1/secrets", retries=False, timeout=START_SECONDS).status == 401:
                    return self
            except urllib3.exceptions.HTTPError:
                time.sleep(0.1)
        self.stop()
        raise AssertionError("Barbican did not start:\n" + (self.folder / "server.log").read_text()[-4000:])

    def _configure(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        names = {"folder": self.folder, "url": self.url, "keystone": self.keystone.url}
        who = {"username": self.username, "password": self.password}
        (self.folder / "barbican.conf").write_text(CONFIG.format(**names, **who))
        (self.folder / "paste.ini").write_text(PASTE)
        (self.folder / "server.py").write_text(SERVER.format(**names))

    def stop(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(60)
            self.process = None

    def keep(self, token: str, payload: bytes, kind: str = "certificate") -> str:
        """Store a secret of the token's project; its UUID."""
        body = {
            "name": "of a test", "secret_type": kind, "payload": base64.b64encode(payload).decode(),
            "payload_content_type": "application/octet-stream", "payload_content_encoding": "base64",
        }  # fmt: skip
        headers = {"X-Auth-Token": token}
        answer = urllib3.request("POST", f"{self.url}/v1/secrets", json=body, headers=headers, timeout=60)
        assert answer.status == 201, answer.data.decode()
        return str(answer.json()["secret_ref"]).rsplit("/", 1)[1]
