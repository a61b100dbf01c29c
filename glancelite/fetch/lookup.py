"""What a host's addresses are: asked once, and all of them looked at."""

import ipaddress
import logging
import socket
from collections.abc import Callable, Iterable

from ..errors import UriRefused
from .addresses import allows_address
from .rules import Rules
from .url import NOT_PUBLIC, Url

log = logging.getLogger(__name__)

Resolve = Callable[[str, int], Iterable[str]]
"""Finds the addresses of a host, for a port; OSError when there are none."""


def look_up(host: str, port: int) -> Iterable[str]:
    """The addresses that the system finds for a host."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def find_addresses(url: Url, rules: Rules, resolve: Resolve = look_up) -> tuple[str, ...]:
    """The addresses of the URL's host; UriRefused when there are none or any of them is not allowed."""
    try:
        addresses = [url.address] if url.address else [ipaddress.ip_address(a) for a in resolve(url.host, url.port)]
    except (OSError, ValueError) as error:  # UnicodeError, of a name that cannot be asked for, is a ValueError
        log.info("%s: its host cannot be found (%s)", url, type(error).__name__)
        addresses = []
    refused = [str(address) for address in addresses if not allows_address(address, rules)]
    if refused:
        log.warning("%s: its host has addresses that are not allowed: %s", url, ", ".join(refused))
    if refused or not addresses:
        raise UriRefused(uri=url.shown, reason=NOT_PUBLIC)
    return tuple(dict.fromkeys(map(str, addresses)))
