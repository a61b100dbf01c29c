"""What the deployments share: a directory, the user that web servers run as, and processes that end with the test."""

import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import harness
import urllib3
from harness import environment

USER = "www-data"
IS_ROOT = os.geteuid() == 0
START_SECONDS = 60


class Site:
    """A deployment of the API with its files below `place`, where `venv` is."""

    spools_chunked = False
    """Whether the web server keeps a chunked body to itself until it has it whole."""

    def __init__(self, place: Path, flavor: str = "trusted") -> None:
        self.place = place
        self.flavor = flavor
        self.data_dir = place / "data"
        self.url = ""
        self._processes: list[subprocess.Popen[bytes]] = []

    def make_data_dir(self) -> None:
        """The service's data belongs to the user that it runs as."""
        self.data_dir.mkdir(mode=0o700)
        if IS_ROOT:
            shutil.chown(self.data_dir, USER, USER)

    def run(self, words: Sequence[str | Path], options: Mapping[str, str] | None = None) -> None:
        """Run a server in the foreground, configured by its environment."""
        ours = {"GLANCELITE_DATA_DIR": str(self.data_dir), "GLANCELITE_PASTE_DEPLOY_FLAVOR": self.flavor}
        ours |= {f"GLANCELITE_{name}": value for name, value in harness.database_of(self.data_dir).items()}
        with (self.place / "error.log").open("ab") as log:
            self._processes.append(
                subprocess.Popen(words, env=environment(ours | dict(options or {})), stdout=log, stderr=log)
            )

    def add_user(self, name: str, password: str) -> None:
        """`glancelite user add`, as the user that the service runs as."""
        words = [
            self.place / "venv/bin/python",
            "-m",
            "glancelite.cli",
            "user",
            "add",
            name,
            "--data-dir",
            self.data_dir,
        ]
        subprocess.run(
            words, input=password, text=True, check=True, timeout=60, cwd=self.place, env=environment(),
            user=USER if IS_ROOT else None,
        )  # fmt: skip

    def wait_for(self, url: str) -> None:
        """Wait until the service at this URL is well."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert all(process.poll() is None for process in self._processes), self.read_log("error")
            with suppress(urllib3.exceptions.HTTPError):
                if urllib3.request("GET", f"{url}/healthcheck", retries=False, timeout=10).status == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(self.read_log("error"))

    def read_log(self, name: str) -> str:
        """One of the log files: `error`, or the requests to a role."""
        return (self.place / f"{name}.log").read_text()

    def terminate(self) -> None:
        for process in self._processes:
            process.terminate()

    def wait(self) -> None:
        for process in self._processes:
            process.wait(30)
