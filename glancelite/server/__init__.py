"""The HTTP server that glancelite ships with: gunicorn's processes, parser and threads, made fit to stand alone.

`serve` runs an app until it is told to stop; `server_factory` is the same for a paste ini. What is ours lives in the
modules beside this one: when a connection gets a thread (worker), how bodies are read (body, connection), which heads
are refused (request), how responses go out (reply). Nothing else of glancelite imports gunicorn.
"""

import difflib
import gc
import os
import resource
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from .. import config
from ..errors import ConfigError
from ..memory import share_heap
from .settings import ServerSettings
from .worker import ABORT_SECONDS, Worker

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["Served", "ServerSettings", "serve", "server_factory"]

BACKLOG = 1024
MOST_CONNECTIONS = 4096
STOP_SECONDS = 5.0
"""Time for a worker to end after its requests have."""


class Served(Protocol):
    """What the server runs."""

    app: "WSGIApplication"

    def start(self) -> None:
        """Called in each worker, after the fork."""

    def stop(self) -> None:
        """Called in each worker, after the drain."""


def serve(
    load: Callable[[], Served], settings: ServerSettings, *, when_ready: Callable[[], None] | None = None
) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP and the drain that follows; `load` runs once, before the fork.

    `when_ready` is called as soon as connections are taken.
    """
    listener = _listen(settings)
    share_heap()
    master = Master(_Application(load(), settings, when_ready or (lambda: None)))
    master.LISTENERS = [listener]
    # What is loaded by now stays: kept out of the collector's way, its memory is shared with the workers.
    gc.collect()
    gc.freeze()
    process = os.getpid()
    try:
        master.run()
    except SystemExit as end:
        if os.getpid() != process:
            _end_worker(end.code)
        if end.code:
            raise


def server_factory(global_conf: Mapping[str, str], **local_conf: str) -> "Callable[[WSGIApplication], None]":
    """`[server:main] use = egg:glancelite#main`, with host, port and the options of section [server] as its keys."""
    host, port = local_conf.pop("host", "127.0.0.1"), local_conf.pop("port", "9292")
    known = [option.name for option in config.OPTIONS if option.section == "server"]
    for name in local_conf:
        if name not in known:
            close = difflib.get_close_matches(name, [*known, "host", "port"], n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise ConfigError(reason=f"[server:main] {name}: there is no such option.{hint}")
    values = config.load(overrides={("server", name): text for name, text in local_conf.items()})
    settings = ServerSettings.from_config(values, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    return lambda app: serve(lambda: _Plain(app), settings)


class Master(Arbiter):  # type: ignore[misc] # gunicorn has no types
    """The process that keeps the workers: it ends on Ctrl-C, or with its terminal, as it does on SIGTERM."""

    def handle_int(self) -> None:
        self.handle_term()

    def handle_hup(self) -> None:
        self.handle_term()

    def handle_usr2(self) -> None:
        self.log.warning("SIGUSR2 is not supported; restart the service instead")


class _Application(BaseApplication):  # type: ignore[misc] # gunicorn has no types
    def __init__(self, served: Served, settings: ServerSettings, when_ready: Callable[[], None]) -> None:
        self.served, self.settings, self.when_ready = served, settings, when_ready
        super().__init__()

    def load_config(self) -> None:
        for name, value in _gunicorn_settings(self.settings).items():
            self.cfg.set(name, value)
        self.cfg.set("when_ready", lambda _master: self.when_ready())
        # A worker that cannot start ends the server; one that dies later is replaced.
        self.cfg.set("post_worker_init", lambda _worker: self.served.start())

    def load(self) -> "WSGIApplication":
        return self.served.app


def _gunicorn_settings(settings: ServerSettings) -> dict[str, Any]:
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return {
        "worker_class": Worker,
        "workers": settings.workers,
        "threads": settings.threads,
        # Half the descriptors stay for files, databases and the like.
        "worker_connections": min(MOST_CONNECTIONS, max(descriptors // 2, settings.threads + 1)),
        # A worker ends within its own limits; the master only helps where it does not.
        "graceful_timeout": int(settings.graceful_timeout + ABORT_SECONDS + STOP_SECONDS),
        "timeout": 60,
        "preload_app": True,
        "http_parser": "python",
        "header_map": "drop",
        # What a proxy in front says is for a filter of the pipeline to believe; the server believes nobody.
        "forwarded_allow_ips": "",
        "forwarder_headers": "",
        "secure_scheme_headers": {},
        "errorlog": "-",
        "accesslog": None,
        "loglevel": "warning",
        "control_socket_disable": True,
        # The workers' signs of life go to memory: a full or slow disk must not make them look dead.
        "worker_tmp_dir": "/dev/shm" if Path("/dev/shm").is_dir() else None,  # noqa: S108
    }


def _listen(settings: ServerSettings) -> socket.socket:
    host, port = settings.address
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address, family=family, backlog=BACKLOG)
    except OSError as error:
        raise ConfigError(reason=f"Cannot listen on {settings.bind}: {error.strerror or error}.") from error
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setblocking(False)
    return listener


def _end_worker(code: Any) -> None:
    # The stack below belongs to the caller in the master: a worker must not run its way out through it.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0)


class _Plain:
    """An app that needs nothing done in its workers."""

    def __init__(self, app: "WSGIApplication") -> None:
        self.app = app

    def start(self) -> None: ...

    def stop(self) -> None: ...
