"""As much of Keystone as command lines ask: tokens by password, a catalog with the image service, projects and domains
by ID and by name. Its tokens are those that the image service itself issued to its users."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

DOMAINS = {"default": "Default", "0d1e2f": "Elsewhere"}
LATER = "2199-01-01T00:00:00.000000Z"


@dataclass(frozen=True)
class User:
    """Who may log in, where to, and with which token of the image service."""

    name: str
    password: str
    project: str
    token: str
    may_look: bool = True
    """May the user look at projects and domains? Most of a real Keystone's may not."""


@dataclass
class FakeKeystone:
    """Where it is, and what it knows. `projects`: ID -> name and domain."""

    image_url: str
    projects: Mapping[str, tuple[str, str]]
    users: list[User] = field(default_factory=list)
    url: str = ""

    def answer(self, method: str, path: str, query: Mapping[str, str], token: str, body: Any) -> tuple[int, Any]:
        if path in ("", "/", "/v3", "/v3/"):
            link = {"rel": "self", "href": f"{self.url}/"}
            version = {"id": "v3.14", "status": "stable", "links": [link], "media-types": []}
            return 200, {"version": version} if "v3" in path else {"versions": {"values": [version]}}
        if method == "POST":
            return self._log_in(body)
        user = next((each for each in self.users if each.token == token), None)
        if user is None or not user.may_look:
            return (403 if user else 401), {"error": {"message": "You may not do this.", "code": 403}}
        kind, _, identity = path.removeprefix("/v3/").partition("/")
        known = self._documents(kind)
        if identity:
            found = next((each for each in known if each["id"] == identity), None)
            return (200, {kind[:-1]: found}) if found else (404, {"error": {"message": "Not here.", "code": 404}})
        wanted = {(key, value) for key, value in query.items() if key in ("name", "domain_id")}
        links = {"self": self.url, "next": None, "previous": None}
        return 200, {kind: [each for each in known if wanted <= each.items()], "links": links}

    def _documents(self, kind: str) -> list[dict[str, str]]:
        if kind == "domains":
            return [{"id": identity, "name": name} for identity, name in DOMAINS.items()]
        return [{"id": each, "name": name, "domain_id": home} for each, (name, home) in self.projects.items()]

    def _log_in(self, body: Any) -> tuple[int, Any]:
        given = body["auth"]["identity"]["password"]["user"]
        for user in self.users:
            if (user.name, user.password) == (given.get("name"), given["password"]):
                return 201, self._token(user)
        return 401, {"error": {"message": "Wrong name or password.", "code": 401}}

    def _token(self, user: User) -> dict[str, Any]:
        name, domain = self.projects[user.project]
        home = {"id": domain, "name": DOMAINS[domain]}
        catalog = [_service("image", self.image_url), _service("identity", self.url)]
        token = {
            "methods": ["password"], "expires_at": LATER, "issued_at": LATER, "roles": [{"id": "r", "name": "member"}],
            "user": {"id": user.name, "name": user.name, "domain": home}, "catalog": catalog,
            "project": {"id": user.project, "name": name, "domain": home},
        }  # fmt: skip
        return {"token": token, "secret": user.token}


def _service(kind: str, url: str) -> dict[str, Any]:
    endpoint = {"id": kind, "interface": "public", "region": "RegionOne", "region_id": "RegionOne", "url": url}
    return {"type": kind, "name": kind, "id": kind, "endpoints": [endpoint]}


@contextmanager
def serving(keystone: FakeKeystone) -> Iterator[FakeKeystone]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            token = self.headers.get("X-Auth-Token", "")
            status, document = keystone.answer(self.command, parts.path, query, token, body)
            secret = document.pop("secret", None)
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if secret:
                self.send_header("X-Subject-Token", secret)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    keystone.url = f"http://127.0.0.1:{server.server_port}/v3"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield keystone
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
