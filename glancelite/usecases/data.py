"""Upload and download of image data."""

import hashlib
import logging
import uuid
from collections.abc import Sequence

from ..domain.context import Context
from ..domain.digest import Digest
from ..domain.fields import missing_formats
from ..domain.image import Image, Location, check_transition
from ..domain.limits import SIZE, UPLOADING
from ..domain.ports import Body, Content, Intent, Store
from ..errors import (
    DataChanged,
    DataNotFound,
    FormatsNotSet,
    GlanceliteError,
    ImageDeactivated,
    ImageTooLarge,
    StoreReadOnly,
    StoreUnavailable,
    UnknownStore,
)
from .arrival import arrive, begin, make_limits
from .images import on_top
from .intake import Limits, Source
from .limits import find_bounds, find_domain_bounds
from .services import Services
from .signatures import find_signature

log = logging.getLogger(__name__)


def upload_image(
    services: Services,
    context: Context,
    image: Image,
    source: Source,
    declared: int | None,
    store_id: str | None = None,
    expected: Digest | None = None,
    token: str = "",
) -> None:
    """Bring data into a queued image: queued -> saving -> active, or back to queued with nothing left of it.

    A signed image's certificate is read with the caller's token.
    """
    cap = services.config["image_size_cap"]
    if declared is not None and declared > cap:
        raise ImageTooLarge(image_id=image.id, limit=cap)
    store = choose_store(services, store_id)

    def begin_upload(current: Image) -> tuple[Image, Intent, Limits]:
        _check_ready(current)
        signature = find_signature(services, context, current, token)
        intent = _intend(services, current, store, declared)
        room = begin(services, context, intent, store)
        return current, intent, make_limits(services, intent, room, expected=expected, signature=signature)

    # What the content is checked against is what the image says when it is begun, not when it was looked at first.
    image, intent, limits = on_top(services, context, image, "upload_image", begin_upload)

    def commit(content: Content, url: str) -> None:
        services.registry.commit_blob(context, intent, content, url)

    arrive(services, image, intent, source, store, limits, commit)


def _check_ready(image: Image) -> None:
    check_transition(image, "saving")
    missing = ", ".join(missing_formats(image.disk_format, image.container_format))
    if missing:
        raise FormatsNotSet(image_id=image.id, missing=missing)


def choose_store(services: Services, store_id: str | None) -> Store:
    """The store of this id, the default one without; UnknownStore (400)."""
    store = services.stores.default if store_id is None else services.stores.get(store_id)
    if store is None and store_id in services.stores.foreign:
        raise StoreReadOnly(store=store_id)
    if store is None:
        raise UnknownStore(store=store_id)
    return store


def _intend(services: Services, image: Image, store: Store, declared: int | None) -> Intent:
    return Intent(
        key=str(uuid.uuid4()),
        image_id=image.id,
        store=store.id,
        process=services.process,
        declared=declared,
        disk_format=image.disk_format,
        container_format=image.container_format,
        quota=services.storage_quota,
        bounds=find_bounds(services, image.owner, SIZE, UPLOADING),
        domain=find_domain_bounds(services, image.owner),
    )


def require_open(context: Context, image: Image) -> None:
    """Raise ImageDeactivated (403) when the image's data is blocked for this caller."""
    if image.status == "deactivated" and not context.is_admin:
        raise ImageDeactivated(image_id=image.id)


def is_readable(image: Image) -> bool:
    """Has the image data that may go out? What is being imported may yet be refused, and a place that was refused may
    stay with an image that is queued again."""
    return bool(image.locations) and image.status not in ("queued", "importing")


def download_image(
    services: Services,
    context: Context,
    image: Image,
    offset: int = 0,
    length: int | None = None,
    prefer: Sequence[str] = (),
) -> Body | None:
    """The image's bytes from an offset on, opened before anything is answered; None when it has no data.

    Raises ImageDeactivated, DataNotFound when no location has them whole, StoreUnavailable when the last one tried
    could not be asked.
    """
    require_open(context, image)
    if not is_readable(image):
        return None
    failure: GlanceliteError = DataNotFound(image_id=image.id)
    for location in _in_order(services, image, prefer):
        try:
            return _open(services, image, location, offset, length)
        except (DataNotFound, StoreUnavailable) as error:
            log.error("image %s cannot be read from store %s: %s", image.id, location.store, error)
            failure = error if isinstance(error, StoreUnavailable) else failure
    raise failure


def _in_order(services: Services, image: Image, prefer: Sequence[str]) -> list[Location]:
    """Locations in preferred stores first, then by weight of their store, then as they are kept."""

    def rank(location: Location) -> tuple[int, int]:
        store = services.stores.get(location.store) or services.stores.foreign.get(location.store)
        place = prefer.index(location.store) if location.store in prefer else len(prefer)
        return place, -store.weight if store else 0

    return sorted(image.locations, key=rank)


def _open(services: Services, image: Image, location: Location, offset: int, length: int | None) -> Body:
    if location.blob is None:
        return _open_foreign(services, image, location, offset, length)
    store = services.stores.get(location.store)
    if store is None:
        raise StoreUnavailable(store=location.store, reason="it is not configured here.")
    body, size = store.open(location.blob, offset)
    return _checked(image, body, size, is_whole=offset == 0 and length is None)


def _open_foreign(services: Services, image: Image, location: Location, offset: int, length: int | None) -> Body:
    store = services.stores.foreign.get(location.store)
    if store is None:
        raise StoreUnavailable(store=location.store, reason="it is not configured here.")
    body, size = store.open_url(location.url, offset, length)
    return _checked(image, body, size, is_whole=offset == 0 and length is None)


def _checked(image: Image, body: Body, size: int | None, *, is_whole: bool) -> Body:
    """The body, if it is as long as the image. What does not go out from a file by itself is hashed on its way."""
    if size is not None and size != image.size:
        body.close()
        raise DataNotFound(image_id=image.id)
    if is_whole and image.size and image.os_hash_value and not hasattr(body, "fileno"):
        return Verified(body, image)
    return body


class Verified:
    """The whole of an image's data on its way out: the piece that completes it comes only if the hash is right."""

    def __init__(self, body: Body, image: Image) -> None:
        self._body, self._image = body, image
        self._hash = hashlib.new(image.os_hash_algo or "sha512", usedforsecurity=False)
        self._left = image.size or 0

    def read(self, size: int, /) -> bytes:
        block = self._body.read(size)
        self._hash.update(block)
        self._left -= len(block)
        if not self._left and self._hash.hexdigest() != self._image.os_hash_value:
            raise DataChanged(image_id=self._image.id)
        return block

    def close(self) -> None:
        self._body.close()
