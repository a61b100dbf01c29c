"""Limits are read from Keystone over connections that are kept, and that it may close at any moment.

The library reads one global configuration, so it runs in a process of its own. A real Keystone cannot be told when to
close: this one has just the answers that are asked for.
"""

import json
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

READ = """
import sys
from glancelite.limits import KeystoneLimits
who = {"username": "x", "password": "y", "user_domain_name": "Default", "system_scope": "all"}
limits = KeystoneLimits({"auth_url": sys.argv[1], "auth_type": "password", "endpoint_id": "e", **who})
print(limits.find("project"))
"""
LIMIT = {"id": "1", "resource_name": "image_count_total", "default_limit": 5, "service_id": "s", "region_id": None}


class Keystone(BaseHTTPRequestHandler):
    """Resets the connection when it is asked for the registered limits the first time."""

    protocol_version = "HTTP/1.1"
    asked: list[str]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        endpoints = [{"id": "k", "interface": "public", "url": self.url, "region": "R", "region_id": "R"}]
        catalog = [{"type": "identity", "id": "i", "name": "keystone", "endpoints": endpoints}]
        user = {"id": "u", "name": "x", "domain": {"id": "default", "name": "Default"}}
        times = {"issued_at": "2020-01-01T00:00:00.000000Z", "expires_at": "2099-01-01T00:00:00.000000Z"}
        scope = {"system": {"all": True}, "roles": []}
        self.say({"token": {"methods": ["password"], "user": user, "catalog": catalog, **times, **scope}}, 201)

    def do_GET(self) -> None:
        path = self.path.split("?")[0].removeprefix("/v3")
        self.asked.append(path)
        if path == "/registered_limits" and self.asked.count(path) == 1:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return
        version = {"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": self.url}]}
        answers = {
            "/limits/model": {"model": {"name": "flat", "description": ""}},
            "/registered_limits": {"registered_limits": [LIMIT], "links": {}},
            "/limits": {"limits": [], "links": {}},
            "/endpoints/e": {"endpoint": {"id": "e", "service_id": "s", "region_id": None, "interface": "public"}},
        }
        self.say(answers.get(path, {"version": version}), 200)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/v3"

    def say(self, document: Any, status: int) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in (("Content-Type", "application/json"), ("X-Subject-Token", "t")):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def keystone() -> Iterator[ThreadingHTTPServer]:
    Keystone.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Keystone) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_connection_that_breaks_as_it_is_used_again_is_no_refusal(keystone: ThreadingHTTPServer) -> None:
    words = [sys.executable, "-c", READ, f"http://127.0.0.1:{keystone.server_address[1]}/v3"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)

    assert done.stdout == "{'image_count_total': 5}\n", done.stderr
    assert Keystone.asked.count("/registered_limits") == 2
