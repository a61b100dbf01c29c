"""The app that the server's tests serve: it tells what it was sent. Run as a program: `echo.py BIND [NAME=VALUE …]`."""

import hashlib
import json
import os
import resource
import socket
import sys
import time
from pathlib import Path

from glancelite import config
from glancelite.server import ServerSettings, serve

BIG = 64 << 20
BLOCK = bytes(range(256)) * 256


def application(environ, start_response):
    route = environ["PATH_INFO"].strip("/")
    query = environ["QUERY_STRING"]
    return ROUTES[route](environ, start_response, query)


def answer(start_response, status, value, **headers):
    body = json.dumps(value).encode()
    fields = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response(status, fields + [(name.replace("_", "-"), value) for name, value in headers.items()])
    return [body]


def small(environ, start_response, query):
    return answer(start_response, "200 OK", {"pid": os.getpid()})


def echo(environ, start_response, query):
    size, length, digest = int(query or 1 << 20), 0, hashlib.sha256()
    try:
        while block := environ["wsgi.input"].read(size):
            length += len(block)
            digest.update(block)
    except OSError as error:
        print("cut short:", type(error).__name__, flush=True)
        raise
    return answer(start_response, "200 OK", {"length": length, "sha256": digest.hexdigest()})


def drain(environ, start_response, query):
    size, length = int(query or 1 << 20), 0
    while block := environ["wsgi.input"].read(size):
        length += len(block)
    return answer(start_response, "200 OK", {"length": length})


def lines(environ, start_response, query):
    return answer(start_response, "200 OK", [line.decode() for line in environ["wsgi.input"]])


def tell(environ, start_response, query):
    return answer(start_response, "200 OK", {k: v for k, v in environ.items() if isinstance(v, str | bool | int)})


def early(environ, start_response, query):
    return answer(start_response, "413 Content Too Large", {"message": "too large"})


def big(environ, start_response, query):
    start_response("200 OK", [("Content-Length", str(BIG))])
    return (BLOCK for _ in range(BIG // len(BLOCK)))


def stream(environ, start_response, query):
    start_response("200 OK", [])
    return iter([b"one ", b"two ", b"three"])


def file(environ, start_response, query):
    offset, length = (int(part) for part in query.split("-")) if query else (0, BIG)
    content = Path(os.environ["ECHO_FILE"]).open("rb")  # noqa: SIM115 - the server closes it
    content.seek(offset)
    start_response("200 OK", [("Content-Length", str(length))])
    return environ["wsgi.file_wrapper"](content, 1 << 16)


def sendfiles(environ, start_response, query):
    return answer(start_response, "200 OK", SENT)


def held(environ, start_response, query):
    """Whether TCP was held back at each sendfile, and whether it is on this connection now."""
    return answer(start_response, "200 OK", [HELD, is_held(environ["gunicorn.socket"])])


def is_held(connection):
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_CORK)


def correct(environ, start_response, query):
    start_response("200 OK", [("Content-Length", "1000")])
    try:
        raise ValueError
    except ValueError:
        start_response("500 Internal Server Error", [("Content-Length", "5")], sys.exc_info())
    return [b"sorry"]


def halves(environ, start_response, query):
    start_response("200 OK", [])
    yield b"half, "
    raise ValueError("the app's other trouble")


def short(environ, start_response, query):
    start_response("200 OK", [("Content-Length", "10")])
    return [b"five!"]


def slow(environ, start_response, query):
    time.sleep(float(query))
    return small(environ, start_response, query)


def ponder(environ, start_response, query):
    while environ["wsgi.input"].read(1):
        time.sleep(float(query))
    return small(environ, start_response, query)


def fail(environ, start_response, query):
    raise OSError("the app's own trouble")


def leave(environ, start_response, query):
    os._exit(1)


SENT: list[tuple[int, int]] = []
"""Offset and length of all that the kernel has sent from files."""
HELD: list[int] = []
"""Whether TCP was held back then."""


def record_sendfile(real):
    def sendfile(out, file, offset, size):
        with socket.socket(fileno=os.dup(out)) as connection:
            HELD.append(is_held(connection))
        sent = real(out, file, offset, size)
        SENT.append((offset, sent))
        return sent

    return sendfile


ROUTES = {"break": halves} | {
    view.__name__: view
    for view in (
        ponder,
        fail,
        leave,
        small,
        echo,
        drain,
        lines,
        tell,
        early,
        big,
        stream,
        file,
        sendfiles,
        held,
        correct,
        short,
        slow,
    )
}


class Served:
    app = staticmethod(application)

    def start(self):
        if "ECHO_FAIL_START" in os.environ:
            raise OSError("the app does not start")
        print("started", flush=True)

    def stop(self):
        print("stopped", flush=True)


def main(bind, *options):
    overrides = {("server", name): value for name, _, value in (option.partition("=") for option in options)}
    if "ECHO_DESCRIPTORS" in os.environ:
        most = int(os.environ["ECHO_DESCRIPTORS"])
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.sendfile = record_sendfile(os.sendfile)
    settings = ServerSettings.from_config(config.load(overrides=overrides), bind)
    serve(Served, settings, when_ready=lambda: print("ready", flush=True))
    print("drained", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
