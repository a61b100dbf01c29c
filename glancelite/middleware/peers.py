"""Which network peers are trusted: the addresses and networks that a filter's knob names."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from ..errors import ConfigError

LOOPBACK = "127.0.0.0/8,::1"


class Peers:
    """A set of addresses, networks and the word `unix` (a peer on a Unix socket, which has no address)."""

    def __init__(self, names: Iterable[str]) -> None:
        words = set(names)
        self._unix = "unix" in words
        try:
            self._networks = tuple(ip_network(word) for word in sorted(words - {"unix"}))
        except ValueError as error:
            raise ConfigError(reason=f"trusted_proxies: {error}; an address, network or 'unix' is needed.") from error

    def __contains__(self, address: str | None) -> bool:
        if not address:
            return self._unix and address == ""
        parsed = parse_address(address)
        return parsed is not None and any(parsed in network for network in self._networks)


@lru_cache(1024)
def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """The address in a text like `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` or `[2001:db8::1]:80`, if there is one."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
