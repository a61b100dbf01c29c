"""RemoteRegistry: the registry in a daemon of its own. Made from the port's signatures; a signed POST each."""

import inspect
import re
from typing import Any
from urllib.parse import urlsplit

import orjson

from ..config import Config
from ..domain.ports import Registry
from ..errors import ConfigError, RegistryRefused, RegistryUnavailable
from .codec import OPERATIONS, error_from_wire, from_wire, sign, signature_of, to_wire
from .key import registry_key
from .posting import NotConnected, Poster

_UNREPEATABLE = (
    "create_image", "update_image", "delete_image", "commit_blob", "park_blob", "commit_copy", "add_task",
    "begin_import",
)  # fmt: skip
"""Operations that are not asked a second time on a broken connection: the first may have been done, and who asks must
know that."""

_URL, _HOST = re.compile(r"[!-~]+"), re.compile(r"[A-Za-z0-9._:%-]+")


class Connection:
    """What asks the daemon, and proves that it may."""

    def __init__(self, url: str, key: bytes, timeout: float, max_connections: int) -> None:
        self._url, self._key = url.rstrip("/"), key
        self._path = urlsplit(self._url).path
        self._poster = Poster(self._url, timeout, max_connections)

    def close(self) -> None:
        """Let go of all connections: before a fork, and at the end."""
        self._poster.close()

    def call(self, operation: str, arguments: dict[str, Any]) -> Any:
        """Ask the daemon; raises what the operation raises, RegistryUnavailable when no answer came."""
        status, answer = self._post(operation, to_wire(arguments))
        if status == 200:
            return _result(operation, _parsed(answer))
        if status == 401:
            raise RegistryRefused(reason="its key is another one, or the clocks differ.")
        raise error_from_wire(_parsed(answer))

    def _post(self, operation: str, body: bytes) -> tuple[int, bytes]:
        attempts = 1 if operation in _UNREPEATABLE else 2
        for attempt in range(attempts):
            try:
                return self._poster.post(f"{self._path}/rpc/{operation}", sign(self._key, operation, body), body)
            except OSError as error:
                if attempt + 1 == attempts or isinstance(error, NotConnected):
                    raise RegistryUnavailable(reason=f"no answer from {self._url}: {error}") from error
        raise AssertionError("unreachable")  # pragma: no cover


def _result(operation: str, document: Any) -> Any:
    try:
        return from_wire(signature_of(operation)[1], document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RegistryUnavailable(reason="its answer is not understood; do both run the same version?") from error


def _parsed(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except ValueError as error:
        raise RegistryUnavailable(reason="what answered is not a glancelite registry") from error


def _method(operation: str) -> Any:
    _, *parameters = inspect.signature(getattr(Registry, operation)).parameters.values()
    names = [parameter.name for parameter in parameters]
    defaults = {one.name: one.default for one in parameters if one.default is not one.empty}

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        # Binding them to the signature would take as long as all else here.
        return self.connection.call(operation, {**defaults, **dict(zip(names, args, strict=False)), **kwargs})

    call.__name__ = operation
    return call


def _init(self: Any, connection: Connection) -> None:
    self.connection = connection


def _close(self: Any) -> None:
    self.connection.close()


RemoteRegistry: Any = type(
    "RemoteRegistry",
    (Registry,),
    {"__init__": _init, "close": _close, **{operation: _method(operation) for operation in OPERATIONS}},
)
"""A Registry whose every operation asks the daemon."""


def connect_registry(config: Config) -> Any:
    """The registry at `[registry] location`."""
    url = config["registry.location"]
    try:
        parts = urlsplit(url)
        is_http = parts.scheme in ("http", "https") and bool(_HOST.fullmatch(parts.hostname or "")) and parts.port != 0
        is_url = is_http and bool(_URL.fullmatch(url))
    except ValueError:
        is_url = False
    if "@" in url:
        raise ConfigError(reason="[registry] location has a user in it; http://HOST:PORT is expected.")
    if not is_url:
        raise ConfigError(reason=f"[registry] location is '{url}', but 'local' or http://HOST:PORT is expected.")
    timeout, size = config["registry.timeout"], config["database.max_connections"]
    return RemoteRegistry(Connection(url, registry_key(config), timeout, size))
