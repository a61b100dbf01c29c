"""The connections of urllib3 as a command wants them: its caller's TLS and proxy, and Ctrl-C at any moment."""

import os
import queue
from typing import Any
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3 import exceptions

from .auth import Settings
from .errors import BadAccess

PIECE = 1 << 20
CONNECT_SECONDS, READ_SECONDS = 10.0, 300.0


class _Kept(queue.LifoQueue[Any]):
    """The connections that a pool keeps, where nobody waits for one.

    A Queue stays locked for good where Ctrl-C comes in its `put` or `get`, and the command then waits for it when it
    closes the pool. This asks for no lock.
    """

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if len(self.queue) >= self.maxsize:
            raise queue.Full
        self.queue.append(item)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if not self.queue:
            raise queue.Empty
        return self.queue.pop()


class _Plain(urllib3.HTTPConnectionPool):
    QueueCls = _Kept


class _Tls(urllib3.HTTPSConnectionPool):
    QueueCls = _Kept


def interruptible(manager: urllib3.PoolManager) -> urllib3.PoolManager:
    """The same, with pools that Ctrl-C leaves usable."""
    manager.pool_classes_by_scheme = {"http": _Plain, "https": _Tls}
    return manager


def make_interruptible(adapter: Any) -> None:
    """The same for the pools of an adapter of requests, behind a proxy or not."""
    interruptible(adapter.poolmanager)
    find = adapter.proxy_manager_for
    adapter.proxy_manager_for = lambda *arguments, **options: interruptible(find(*arguments, **options))


def open_pool(endpoint: str, settings: Settings) -> urllib3.PoolManager:
    """The connections to one service. Raise BadAccess where the environment's proxy is no URL."""
    timeout = settings.get("timeout")
    options: dict[str, Any] = {
        "timeout": urllib3.Timeout(connect=timeout or CONNECT_SECONDS, read=timeout or READ_SECONDS),
        "cert_file": settings.get("cert"),
        "key_file": settings.get("key"),
        "ca_certs": settings.get("cacert"),
        "cert_reqs": "CERT_REQUIRED",
        "maxsize": 1,
        "blocksize": PIECE,
    }
    if settings.get("verify") is False:
        options |= {"cert_reqs": "CERT_NONE", "ca_certs": None}
        urllib3.disable_warnings(exceptions.InsecureRequestWarning)
    gate = _find_gate(endpoint)
    if not gate:
        return interruptible(urllib3.PoolManager(**options))
    try:
        parts = urlsplit(gate if "://" in gate else f"http://{gate}")
        if parts.username:
            who = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            options["proxy_headers"] = urllib3.make_headers(proxy_basic_auth=who)
        proxy = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        return interruptible(urllib3.ProxyManager(proxy, **options))
    except (ValueError, exceptions.HTTPError) as error:
        raise BadAccess(f"The proxy of the environment cannot be used: {error}") from error


def _find_gate(endpoint: str) -> str | None:
    """The HTTP proxy that the environment wants between us and this endpoint."""
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(endpoint)
    return None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)
