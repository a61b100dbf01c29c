"""Operations on the locations of an image, over HTTP: the places where its data is.

There are two ways in. The older one reads and patches `locations` of the image itself, where the service shows them;
the newer one has a path of its own, by which data that is somewhere becomes the data of a new image.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .errors import LocationUnknown, NotOffered, Refused
from .transport import Transport

if TYPE_CHECKING:
    from .images import Image, Images

Location = dict[str, Any]
Shown = list[Location]
Changes = list[dict[str, Any]]


class Locations:
    """The locations of one image, which was read before."""

    def __init__(self, transport: Transport, images: "Images", image: "Image") -> None:
        self._transport, self._images, self._image = transport, images, image
        self._path = f"/v2/images/{quote(image['id'], safe='')}/locations"

    def list(self) -> Shown:
        """Every location, as the image itself shows them or, for those who may ask that, by their own path."""
        if isinstance(self._image.get("locations"), list):
            return list(self._image["locations"])
        try:
            found = self._transport.request("GET", self._path)
        except Refused as refused:
            if refused.status in (404, 405):
                raise NotOffered("The service does not show the locations of images.") from refused
            raise
        return found if isinstance(found, list) else []

    def add(self, url: str, metadata: Mapping[str, str], proof: Mapping[str, str]) -> None:
        """Say where data is; `proof` is what it must be, by the names of the API.

        A new image takes it by the path for that; one that has data, or what that path has no words for, by a patch.
        """
        if self._image["status"] == "queued" and not metadata and "checksum" not in proof:
            try:
                self._transport.request("POST", self._path, document={"url": url, "validation_data": dict(proof)})
                return
            except Refused as refused:
                if refused.status not in (404, 405):  # a service from before there was this path
                    raise
        value = {"url": url, "metadata": dict(metadata)} | ({"validation_data": dict(proof)} if proof else {})
        self._patch([{"op": "add", "path": "/locations/-", "value": value}])

    def set_metadata(self, url: str, metadata: Mapping[str, str]) -> None:
        """Replace the metadata of the location with this URL."""
        shown = self._shown()
        place = self._place(shown, url)
        shown[place] = {**shown[place], "metadata": dict(metadata)}
        self._patch([{"op": "replace", "path": "/locations", "value": shown}])

    def remove(self, urls: Iterable[str]) -> None:
        """Take the locations with these URLs away."""
        shown = self._shown()
        places = {self._place(shown, url) for url in urls}
        self._patch([{"op": "remove", "path": f"/locations/{place}"} for place in sorted(places, reverse=True)])

    def _shown(self) -> Shown:
        """The locations by which a patch counts: those of the image itself."""
        if not isinstance(self._image.get("locations"), list):
            raise NotOffered("The service does not show the image's locations, so they cannot be changed.")
        return list(self._image["locations"])

    def _place(self, shown: Shown, url: str) -> int:
        for place, location in enumerate(shown):
            if location.get("url") == url:
                return place
        known = ", ".join(str(location.get("url")) for location in shown) or "none"
        raise LocationUnknown(f"It has no location {url}; it has: {known}.")

    def _patch(self, changes: Changes) -> None:
        self._images.update(self._image["id"], changes)
