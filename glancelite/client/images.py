"""Operations on images, over HTTP: each takes and returns plain values."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from .errors import BadAnswer, ImageUnknown, Refused
from .query import filter_value
from .transport import Download, Transport

Image = dict[str, Any]
Query = Iterable[tuple[str, str]]
PATCH_TYPE = "application/openstack-images-v2.1-json-patch"
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SCOPES: tuple[Query, ...] = ((), (("os_hidden", "true"),), (("visibility", "community"),))
"""Where a name is looked for, one after the other, so that a stranger's image never stands beside one of ours."""


class Images:
    """The images of one service."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, fields: Mapping[str, Any]) -> Image:
        return self._image(self._transport.request("POST", "/v2/images", document=dict(fields)))

    def show(self, image_id: str) -> Image:
        return self._image(self._transport.request("GET", _path(image_id)))

    def update(self, image_id: str, changes: list[dict[str, Any]]) -> Image:
        """Apply a v2.1 patch."""
        answer = self._transport.request(
            "PATCH", _path(image_id), headers={"Content-Type": PATCH_TYPE}, document=changes
        )
        return self._image(answer)

    def delete(self, image_id: str) -> None:
        self._transport.request("DELETE", _path(image_id))

    def upload(self, image_id: str, pieces: Iterable[bytes], length: int | None) -> None:
        self._transport.upload(_path(image_id) + "/file", pieces, length, {})

    @contextmanager
    def download(self, image_id: str) -> Iterator[Download]:
        with self._transport.download(_path(image_id) + "/file") as data:
            yield data

    def list(self, query: Query = (), limit: int | None = None, most: int | None = None) -> Iterator[Image]:
        """Every image that `query` selects, page after page of `limit`; no more than `most`."""
        pairs = list(query) + ([("limit", str(limit))] if limit is not None else [])
        left = most
        while left is None or left > 0:
            page = self._transport.request("GET", "/v2/images", pairs)
            if not isinstance(page, dict) or not isinstance(page.get("images"), list):
                raise BadAnswer(f"What answers at {self._transport.endpoint} does not speak the Image API.")
            yield from page["images"][:left]
            left = None if left is None else left - len(page["images"])
            following = parse_qsl(urlsplit(page.get("next") or "").query, keep_blank_values=True)
            if not following or following == pairs:
                return
            pairs = following

    def find(self, reference: str) -> Image:
        """The image with this id, or with this name when just one visible image has it."""
        if _UUID.fullmatch(reference):
            try:
                return self.show(reference)
            except Refused as refused:
                if refused.status != 404:
                    raise
        for scope in _SCOPES:
            found = list(self.list([("name", filter_value(reference)), *scope], most=20)) if reference else []
            if len(found) > 1:
                raise ImageUnknown(_tell_apart(reference, found))
            if found:
                return found[0]
        raise ImageUnknown("no image has this name or ID.")

    def _image(self, answer: Any) -> Image:
        if not isinstance(answer, dict) or "id" not in answer:
            raise BadAnswer(f"What answers at {self._transport.endpoint} does not speak the Image API.")
        return answer


def _path(image_id: str) -> str:
    return f"/v2/images/{quote(image_id, safe='', errors='surrogateescape')}"


def _tell_apart(name: str, images: list[Image]) -> str:
    lines = (f"  {image['id']}  owner {image.get('owner')}  created {image.get('created_at')}" for image in images)
    return "\n".join([f"{len(images)} images have the name '{name}'; give the ID of one:", *lines])
