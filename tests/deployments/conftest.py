"""glancelite installed where an unprivileged user can read it, and an Apache that serves it from there."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest
import urllib3
from harness import environment, free_port

ROOT = Path(__file__).parents[2]
MODULES = Path("/usr/lib/apache2/modules")
USER = "www-data"
IS_ROOT = os.geteuid() == 0
NOT_SERVED = ("__editable__*", "mypy*", "ruff*", "pip*", "grimp*", "pygments*", "rich*", "psycopg*", "__pycache__")
START_SECONDS = 20

PREAMBLE = """
ServerRoot {place}
ServerName localhost
PidFile {place}/apache.pid
ErrorLog {place}/error.log
DefaultRuntimeDir {place}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {modules}/mod_wsgi.so
WSGISocketPrefix {place}/wsgi
<Directory {place}/venv/etc/glancelite/wsgi>
    Require all granted
</Directory>
"""
APP = """
Listen 127.0.0.1:{port}
<VirtualHost 127.0.0.1:{port}>
    WSGIDaemonProcess {role} threads=16 python-home={place}/venv
    WSGIScriptAlias / {place}/venv/etc/glancelite/wsgi/{role}.wsgi process-group={role} application-group=%{{GLOBAL}}
    WSGIPassAuthorization On
    {chunked}
    CustomLog {place}/{role}.log "%r %>s"
</VirtualHost>
"""


@pytest.fixture(scope="session")
def installed() -> Iterator[Path]:
    """A directory with `venv`, which the system's Python made: this environment's packages, glancelite and its etc.

    A test's own directory, a checkout or a home may be closed to other users.
    """
    with tempfile.TemporaryDirectory(prefix="glancelite-apache-", ignore_cleanup_errors=True) as name:
        place = Path(name)
        place.chmod(0o755)
        python = f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}"
        subprocess.run([python, "-m", "venv", "--without-pip", place / "venv"], check=True, timeout=60)
        packages = next((place / "venv/lib").glob("python3*/site-packages"))
        unserved = shutil.ignore_patterns(*NOT_SERVED)
        for source in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
            shutil.copytree(source, packages, copy_function=_link, ignore=unserved, dirs_exist_ok=True)
        shutil.copytree(ROOT / "glancelite", packages / "glancelite", ignore=unserved, dirs_exist_ok=True)
        shutil.copytree(ROOT / "etc", place / "venv/etc/glancelite")
        yield place


def _link(source: str, target: str) -> None:
    """Links are made in an instant; where the directory is on another disk, the file is copied."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@dataclass
class Apache:
    """A private Apache with its files below `place`, which serves these roles, each on a port of its own."""

    place: Path
    ports: dict[str, int]
    takes_chunks: bool = True
    process: "subprocess.Popen[bytes] | None" = None

    def __post_init__(self) -> None:
        self.data_dir = self.place / "data"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['api']}"

    def read_log(self, name: str) -> str:
        """`error`, or the requests to a role."""
        return (self.place / f"{name}.log").read_text()

    def start(self) -> Self:
        config = self.place / "apache.conf"
        config.write_text(self._config())
        self._make_data_dir()
        options = {"GLANCELITE_DATA_DIR": str(self.data_dir), "GLANCELITE_PASTE_DEPLOY_FLAVOR": "trusted"}
        if "registry" in self.ports:
            options["GLANCELITE_REGISTRY_LOCATION"] = f"http://127.0.0.1:{self.ports['registry']}"
        self.process = subprocess.Popen(["apache2", "-DFOREGROUND", "-f", config], env=environment(options))
        for port in self.ports.values():
            self._wait(port)
        return self

    def _make_data_dir(self) -> None:
        self.data_dir.mkdir(mode=0o700)
        if IS_ROOT:
            shutil.chown(self.data_dir, USER, USER)

    def _config(self) -> str:
        text = PREAMBLE.format(place=self.place, modules=MODULES)
        if IS_ROOT:
            text += f"User {USER}\nGroup {USER}\n"
        chunked = "WSGIChunkedRequest On" if self.takes_chunks else ""
        for role, port in self.ports.items():
            text += APP.format(place=self.place, role=role, port=port, chunked=chunked)
        return text

    def _wait(self, port: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process is not None and self.process.poll() is None, self.read_log("error")
            with suppress(urllib3.exceptions.HTTPError):
                answer = urllib3.request("GET", f"http://127.0.0.1:{port}/healthcheck", retries=False, timeout=10)
                if answer.status == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(self.read_log("error"))

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None


@pytest.fixture(scope="module")
def start_apache(installed: Path) -> Iterator[Callable[..., Apache]]:
    """Starts an Apache for these roles; it ends with the module's tests."""
    started: list[Apache] = []

    def start(*roles: str, takes_chunks: bool = True) -> Apache:
        place = Path(tempfile.mkdtemp(prefix="server-", dir=installed))
        place.chmod(0o755)
        (place / "venv").symlink_to(installed / "venv")
        apache = Apache(place, {role: free_port() for role in roles}, takes_chunks)
        started.append(apache)
        return apache.start()

    yield start
    for apache in started:
        apache.stop()
