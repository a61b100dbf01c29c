"""Lists that come a page at a time."""

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from .errors import BadAnswer
from .transport import Transport

Query = Iterable[tuple[str, str]]


def read_pages(
    transport: Transport, path: str, query: Query, limit: int | None, most: int | None
) -> Iterator[dict[str, Any]]:
    """Everything that `query` selects, page after page of `limit`; no more than `most`."""
    key = path.rpartition("/")[2]
    pairs = list(query) + ([("limit", str(limit))] if limit is not None else [])
    left = most
    while left is None or left > 0:
        page = transport.request("GET", path, pairs)
        if not isinstance(page, dict) or not isinstance(page.get(key), list):
            raise BadAnswer(f"What answers at {transport.endpoint} does not speak the Image API.")
        yield from page[key][:left]
        left = None if left is None else left - len(page[key])
        following = parse_qsl(urlsplit(page.get("next") or "").query, keep_blank_values=True)
        if not following or following == pairs:
            return
        pairs = following
