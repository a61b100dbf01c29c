"""What the server can be told: where to listen, how many at a time, and how patient to be."""

from dataclasses import dataclass, fields

from ..config import Config
from ..errors import ConfigError


@dataclass(frozen=True)
class ServerSettings:
    """The options of section [server]; `bind` is HOST:PORT, an IPv6 host in brackets."""

    bind: str
    workers: int
    threads: int
    graceful_timeout: float
    header_timeout: float
    keepalive_timeout: float
    body_idle_timeout: float
    body_minimum_rate: int
    send_timeout: float

    @classmethod
    def from_config(cls, config: Config, default_bind: str) -> "ServerSettings":
        """The settings that `config` holds; `default_bind` where it names no address."""
        values = {field.name: config[f"server.{field.name}"] for field in fields(cls)}
        return cls(**values | {"bind": values["bind"] or default_bind})

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen on."""
        host, colon, port = self.bind.rpartition(":")
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        understood = colon and bare and (":" not in host or bare != host) and port.isascii() and port.isdigit()
        if not understood or int(port) > 65535:
            raise ConfigError(reason=f"[server] bind is '{self.bind}', but HOST:PORT is expected.")
        return bare, int(port)
