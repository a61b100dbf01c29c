"""Operations on images, over HTTP: each takes and returns plain values."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from .digest import USUAL
from .errors import BadAnswer, ClientError, ImageUnknown, Refused
from .pages import Query, read_pages
from .query import filter_value
from .retries import Retries
from .transport import Download, Transport

Image = dict[str, Any]
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
        return self._image(self._transport.request("GET", path_of(image_id)))

    def update(self, image_id: str, changes: list[dict[str, Any]]) -> Image:
        """Apply a v2.1 patch."""
        answer = self._transport.request(
            "PATCH", path_of(image_id), headers={"Content-Type": PATCH_TYPE}, document=changes
        )
        return self._image(answer)

    def delete(self, image_id: str) -> None:
        self._transport.request("DELETE", path_of(image_id))

    def upload(
        self, image_id: str, pieces: Iterable[bytes], length: int | None, headers: Mapping[str, str] | None = None
    ) -> None:
        self._transport.upload(path_of(image_id) + "/file", pieces, length, headers or {})

    def stage(self, image_id: str, pieces: Iterable[bytes], length: int | None) -> None:
        """Bring data where an import by glance-direct takes it from."""
        self._transport.upload(path_of(image_id) + "/stage", pieces, length, {})

    def start_import(self, image_id: str, wanted: Mapping[str, Any]) -> None:
        """Have the service begin an import; it goes on by itself."""
        self._transport.request("POST", path_of(image_id) + "/import", document=dict(wanted))

    @contextmanager
    def download(
        self, image_id: str, offset: int = 0, validator: str = "", prefer: Sequence[str] = ()
    ) -> Iterator[Download]:
        """The data from an offset on; all of it where it has changed since the validator was given, or where the
        service sends no parts. From one of the stores `prefer` if it can be."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        headers |= {"If-Range": validator} if offset and validator else {}
        query = [("prefer", ",".join(prefer))] if prefer else []
        with self._transport.download(path_of(image_id) + "/file", query, headers) as data:
            yield data

    def retries(self) -> Retries:
        """How often a transfer may be taken up again."""
        return self._transport.retries()

    def deactivate(self, image_id: str) -> None:
        """Let nobody but administrators have the data."""
        self._transport.request("POST", path_of(image_id) + "/actions/deactivate")

    def reactivate(self, image_id: str) -> None:
        """Let everybody have the data again who may see the image."""
        self._transport.request("POST", path_of(image_id) + "/actions/reactivate")

    def delete_from(self, image_id: str, store_id: str) -> None:
        """Take the copy out of this store."""
        self._transport.request("DELETE", f"/v2/stores/{quote(store_id, safe='')}/{quote(image_id, safe='')}")

    def list(self, query: Query = (), limit: int | None = None, most: int | None = None) -> Iterator[Image]:
        """Every image that `query` selects, page after page of `limit`; no more than `most`."""
        return read_pages(self._transport, "/v2/images", query, limit, most)

    def hash_algorithm(self) -> str:
        """By which the service hashes what it is sent, as its newest image tells; the usual one where none does."""
        try:
            newest = next(map(self._image, self.list([("status", "active")], limit=1, most=1)), {})
        except ClientError:  # whoever may not list may upload
            return USUAL
        algorithm = str(newest.get("os_hash_algo"))
        is_known = algorithm in hashlib.algorithms_available and not algorithm.startswith("shake")  # of any length
        return algorithm if is_known else USUAL

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


def path_of(image_id: str) -> str:
    """Where the service has this image."""
    return f"/v2/images/{quote(image_id, safe='', errors='surrogateescape')}"


def _tell_apart(name: str, images: list[Image]) -> str:
    lines = (f"  {image['id']}  owner {image.get('owner')}  created {image.get('created_at')}" for image in images)
    return "\n".join([f"{len(images)} images have the name '{name}'; give the ID of one:", *lines])
