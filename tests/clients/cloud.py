"""What the client tests stand on: environments for real clients, a service with two projects, and a stand-in identity
service for the one question that a command line asks it.
"""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from environments import CACHE, environment_of
from harness import Api, command, environment

HERE = Path(__file__).parent
PASSWORD = "correct horse"
PROJECTS = {"owner": "9a3f0d6c5b1e4d7f8a2b3c4d5e6f7081", "partner": "0b7d1c2e3f4a5b6c7d8e9f0a1b2c3d4e"}

Run = Callable[..., str]


def client(name: str, *packages: str, finish: Callable[[Path], None] = lambda folder: None) -> Path:
    """The bin folder of the environment of this client."""
    return environment_of(CACHE / "clients" / name, *packages, finish=finish)


class Caller(Api):
    """Our own little client as one of the two projects, to look at what the real ones did."""

    def __init__(self, url: str, project: str, token: str) -> None:
        super().__init__(url, project)
        self.token = token

    def identity(self) -> dict[str, str]:
        return {"X-Auth-Token": self.token}


@dataclass(frozen=True)
class Cloud:
    """A running service with its two callers, as programs find it in their environment."""

    url: str
    owner: Caller
    partner: Caller
    identity_url: str
    log: Path
    """What the service prints, its greeting first."""

    @property
    def variables(self) -> dict[str, str]:
        return {
            "IMAGE_ENDPOINT": self.url,
            "PASSWORD": PASSWORD,
            "OWNER_PROJECT": self.owner.project,
            "OWNER_TOKEN": self.owner.token,
            "PARTNER_PROJECT": self.partner.project,
            "PARTNER_TOKEN": self.partner.token,
        }


@dataclass(frozen=True)
class Disk:
    """A file of 3 MiB of no format, with what a client should find of it."""

    path: Path
    md5: str
    sha512: str
    size: int


class Identity(BaseHTTPRequestHandler):
    """As much of an identity service as a client asks to turn a project's name into its id."""

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].rpartition("/")[2]
        link = {"rel": "self", "href": f"http://{self.headers['Host']}/v3/"}
        version = {"id": "v3.14", "status": "stable", "links": [link]}
        known = name in PROJECTS.values()
        found = {"project": {"id": name, "name": name}} if known else {"version": version}
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Quiet."""


def enlist(data_dir: Path, name: str, project: str, *roles: str) -> str:
    """A user of this name in this project; its token."""
    chosen = [word for role in roles for word in ("--role", role)]
    _host("user", "add", name, "--password", PASSWORD, "--project", project, *chosen, "--data-dir", str(data_dir))
    return _host("token", "issue", name, "--data-dir", str(data_dir)).strip()


def _host(*words: str) -> str:
    done = subprocess.run(command(*words), env=environment(), capture_output=True, text=True, timeout=60, check=True)
    return done.stdout
