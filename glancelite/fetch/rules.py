"""Which schemes, hosts, ports and networks may be fetched from, and the options that say so."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ..config import Config, Option
from ..errors import ConfigError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
T = TypeVar("T")

_SECTION = "import_filtering_opts"
_ONLY = "If set, only these are allowed and the disallowed ones do not count."

OPTIONS: tuple[Option, ...] = (
    Option(_SECTION, "allowed_schemes", "list", "http,https", f"Schemes of URIs that are fetched. {_ONLY}"),
    Option(_SECTION, "disallowed_schemes", "list", "", "Schemes of URIs that are not fetched."),
    Option(_SECTION, "allowed_hosts", "list", "", f"Hosts, as a URI names them, that are fetched from. {_ONLY}"),
    Option(_SECTION, "disallowed_hosts", "list", "", "Hosts and addresses that are not fetched from."),
    Option(_SECTION, "allowed_ports", "list", "80,443", f"Ports that are fetched from. {_ONLY}"),
    Option(_SECTION, "disallowed_ports", "list", "", "Ports that are not fetched from."),
    Option(_SECTION, "allowed_networks", "list", "", "Networks, as 10.1.0.0/16 or 10.1.2.3, that may be fetched from "
           "although they are not public: a mirror of your own."),
    Option(_SECTION, "allow_private", "bool", False, "Fetch from any address, loopback, private and link-local ones "
           "included. Users then reach whatever this host reaches; allowed_networks opens less."),
)  # fmt: skip


@dataclass(frozen=True)
class Rules:
    """What may be fetched. Where an allowed set has members they alone count, else the disallowed set does."""

    allowed_schemes: frozenset[str] = frozenset({"http", "https"})
    disallowed_schemes: frozenset[str] = frozenset()
    allowed_hosts: frozenset[str] = frozenset()
    disallowed_hosts: frozenset[str] = frozenset()
    allowed_ports: frozenset[int] = frozenset({80, 443})
    disallowed_ports: frozenset[int] = frozenset()
    allowed_networks: tuple[Network, ...] = ()
    allow_private: bool = False

    def allows_scheme(self, scheme: str) -> bool:
        return _allows(scheme, self.allowed_schemes, self.disallowed_schemes)

    def allows_host(self, host: str) -> bool:
        return _allows(host, self.allowed_hosts, self.disallowed_hosts)

    def allows_port(self, port: int) -> bool:
        return _allows(port, self.allowed_ports, self.disallowed_ports)

    def has_network_of(self, address: Address) -> bool:
        """Is this address one of those that are allowed though not public?"""
        return any(address in network for network in self.allowed_networks)


def _allows(value: T, allowed: frozenset[T], disallowed: frozenset[T]) -> bool:
    return value in allowed if allowed else value not in disallowed


def normalize_host(text: str) -> str:
    """A host as rules compare it: lower case, an IPv6 address in its short form and without brackets."""
    host = text.strip().lower().removeprefix("[").removesuffix("]")
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host


def read_rules(config: Config) -> Rules:
    """The rules that the configuration sets; ConfigError for a port or network that is none."""

    def words(name: str) -> frozenset[str]:
        return frozenset(item.lower() for item in config.get(_SECTION, name))

    def hosts(name: str) -> frozenset[str]:
        return frozenset(map(normalize_host, config.get(_SECTION, name)))

    return Rules(
        allowed_schemes=words("allowed_schemes"),
        disallowed_schemes=words("disallowed_schemes"),
        allowed_hosts=hosts("allowed_hosts"),
        disallowed_hosts=hosts("disallowed_hosts"),
        allowed_ports=frozenset(_parse_all(config, "allowed_ports", int, "port numbers are")),
        disallowed_ports=frozenset(_parse_all(config, "disallowed_ports", int, "port numbers are")),
        allowed_networks=tuple(
            _parse_all(config, "allowed_networks", parse_network, "networks such as 10.1.0.0/16 are")
        ),
        allow_private=config.get(_SECTION, "allow_private"),
    )


def _parse_all(config: Config, name: str, parse: Callable[[str], T], expected: str) -> list[T]:
    try:
        return [parse(item) for item in config.get(_SECTION, name)]
    except ValueError as error:
        reason = f"[{_SECTION}] {name} is '{', '.join(config.get(_SECTION, name))}', but {expected} expected."
        raise ConfigError(reason=reason) from error


def parse_network(text: str) -> Network:
    """A network, or a single address as one; ValueError."""
    return ipaddress.ip_network(text, strict=False)
