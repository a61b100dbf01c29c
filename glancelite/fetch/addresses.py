"""Which addresses are public.

An address that carries another one (IPv6 transition) leads to that one: both are looked at.
"""

import ipaddress
from collections.abc import Callable, Iterable, Iterator

from .rules import Address, Network, Rules

REFUSED_V4: tuple[tuple[str, str], ...] = (
    ("0.0.0.0/8",       "this host"),
    ("10.0.0.0/8",      "private"),
    ("100.64.0.0/10",   "behind a provider's address translation"),
    ("127.0.0.0/8",     "loopback"),
    ("168.63.129.16",   "Azure's host agent, on a public address but not a public place"),
    ("169.254.0.0/16",  "link-local; cloud metadata services"),
    ("172.16.0.0/12",   "private"),
    ("192.0.0.0/24",    "protocol assignments; Oracle's metadata service"),
    ("192.0.2.0/24",    "documentation"),
    ("192.88.99.0/24",  "6to4 relays"),
    ("192.168.0.0/16",  "private"),
    ("198.18.0.0/15",   "benchmarks"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24",  "documentation"),
    ("224.0.0.0/4",     "multicast"),
    ("240.0.0.0/4",     "reserved; broadcast"),
)  # fmt: skip

PUBLIC_V6: tuple[tuple[str, str], ...] = (
    ("2000::/3",    "global unicast"),
    ("64:ff9b::/96", "NAT64"),
)  # fmt: skip

REFUSED_V6: tuple[tuple[str, str], ...] = (
    ("2001::/23",     "protocol assignments; Teredo among them"),
    ("2001:db8::/32", "documentation"),
    ("3fff::/20",     "documentation"),
)  # fmt: skip

_TEREDO = ipaddress.IPv6Network("2001::/32")
_CARRIERS: tuple[tuple[ipaddress.IPv6Network, Callable[[int], tuple[int, ...]]], ...] = tuple(
    (ipaddress.IPv6Network(network), extract)
    for network, extract in (
        ("::/96",           lambda bits: (bits,)),                          # IPv4-compatible
        ("::ffff:0:0/96",   lambda bits: (bits,)),                          # IPv4-mapped
        ("::ffff:0:0:0/96", lambda bits: (bits,)),                          # SIIT
        ("64:ff9b::/96",    lambda bits: (bits,)),                          # NAT64
        ("64:ff9b:1::/48",  lambda bits: (bits, (bits >> 64 & 0xFFFF) << 16 | bits >> 40 & 0xFFFF)),  # NAT64, local
        ("2002::/16",       lambda bits: (bits >> 80,)),                    # 6to4
        ("2001::/32",       lambda bits: (bits >> 64, ~bits)),              # Teredo: server, and client turned over
    )
)  # fmt: skip
_ISATAP = (0x00005EFE, 0x02005EFE)


def _networks(rows: Iterable[tuple[str, str]]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(network) for network, _ in rows)


_REFUSED_V4, _PUBLIC_V6, _REFUSED_V6 = _networks(REFUSED_V4), _networks(PUBLIC_V6), _networks(REFUSED_V6)


def unwrap(address: Address) -> tuple[Address, ...]:
    """The address and those that it carries; of a mapped one only the IPv4 address that it is another spelling of."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    return (address, *_carried(int(address)))


def _carried(bits: int) -> Iterator[ipaddress.IPv4Address]:
    for network, extract in _CARRIERS:
        if ipaddress.IPv6Address(bits) in network:
            yield from (ipaddress.IPv4Address(inner & 0xFFFFFFFF) for inner in extract(bits))
    if bits >> 32 & 0xFFFFFFFF in _ISATAP:
        yield ipaddress.IPv4Address(bits & 0xFFFFFFFF)


def is_public(address: Address) -> bool:
    """Is this the address of a host that anybody may ask?"""
    if address.version == 4:
        return not any(address in network for network in _REFUSED_V4)
    return any(address in network for network in _PUBLIC_V6) and not any(address in n for n in _REFUSED_V6)


def allows_address(address: Address, rules: Rules) -> bool:
    """May this address be connected to, and everything that it stands for?"""
    views = unwrap(address)
    if not rules.allowed_hosts and any(str(view) in rules.disallowed_hosts for view in views):
        return False
    return rules.allow_private or all(is_public(view) or rules.has_network_of(view) for view in views)
