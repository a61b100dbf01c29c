"""The versions of the Image API: its minors, what a service needs to offer each, and the document that lists them."""

from typing import Any

MINORS: tuple[tuple[str, str], ...] = (
    ("v2.18", "cache"),
    ("v2.17", ""),
    ("v2.16", "cache"),
    ("v2.15", ""),
    ("v2.14", "cache"),
    ("v2.13", "multi-store"),
    ("v2.12", "multi-store"),
    ("v2.11", "multi-store"),
    ("v2.10", "multi-store"),
    ("v2.9", ""),
    ("v2.8", "multi-store"),
    ("v2.7", ""),
    ("v2.6", ""),
    ("v2.5", ""),
    ("v2.4", ""),
    ("v2.3", ""),
    ("v2.2", ""),
    ("v2.1", ""),
    ("v2.0", ""),
)
"""Every minor, newest first, with what a service must have to offer it. A minor never changes behaviour."""

# Glance quirk: without a cache Glance lists 2.15 and 2.9 before 2.17. The order says nothing to clients, so here it is
# the natural one.


def accepted(multi_store: bool, cache: bool) -> tuple[str, ...]:
    """The minors that a service offers, newest first."""
    has = {"": True, "multi-store": multi_store, "cache": cache}
    return tuple(minor for minor, need in MINORS if has[need])


def document(versions: tuple[str, ...], endpoint: str) -> dict[str, Any]:
    """The version document of a service at this URL; `versions` is newest first, and the newest is the current one."""
    links = [{"rel": "self", "href": f"{endpoint}/v2/"}]
    return {
        "versions": [
            {"id": version, "status": "CURRENT" if version == versions[0] else "SUPPORTED", "links": links}
            for version in versions
        ]
    }
