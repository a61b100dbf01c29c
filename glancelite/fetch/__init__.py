"""The only code that opens a socket to a place a user named: what may be asked, and asking it.

`check_url` reads a URI once and holds it against the Rules; `open_url` looks its host up once, checks every address it
has, connects to the checked address itself and begins all of this again with each redirect. What is fetched is bytes,
exactly as the remote sends them; its words never become ours.

    url = check_url("https://images.example/jammy.qcow2", rules)
    with open_url(url, rules, cap=1 << 40) as fetched:
        while block := fetched.read(1 << 20): ...
"""

from .answer import Fetched
from .lookup import Resolve, find_addresses, look_up
from .pace import make_tls
from .request import open_url
from .rules import OPTIONS, Rules, read_rules
from .url import Url, check_url, show_url

__all__ = [
    "OPTIONS",
    "Fetched",
    "Resolve",
    "Rules",
    "Url",
    "check_url",
    "find_addresses",
    "look_up",
    "make_tls",
    "open_url",
    "read_rules",
    "show_url",
]
