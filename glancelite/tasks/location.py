"""Making a place outside a new image's data: the flow behind the locations API.

What is known of the data before decides when the image is active: nothing is read where that is not wanted, everything
is read and compared first where a hash was given, and else the hash is found out afterwards.
"""

import logging
from collections.abc import Mapping
from typing import Any

from ..domain.fields import missing_formats
from ..domain.image import Image, Location
from ..domain.ports import Content
from ..domain.task import REASON, Ending
from ..errors import (
    ChangedMeanwhile,
    FormatsNotSet,
    GlanceliteError,
    ImageNotFound,
    ImageTooLarge,
    InvalidLocation,
    StatusConflict,
    StoreUnavailable,
    UnsafeContent,
)
from ..usecases.intake import Limits, Stream
from .importer import LEFT
from .job import Job, Watched

_TRIES = 20

log = logging.getLogger(__name__)


def run_location_import(job: Job) -> Ending:
    """Do it; how it ended. Raises ImageNotFound and what `LEFT` names."""
    given: Mapping[str, str] = job.input["validation_data"]
    is_secure = bool(job.services.config["do_secure_hash"])
    try:
        job.check_attempts()
        image = _place(job, given, is_secure)
        if not is_secure:
            return _succeed(job)
        content = _read_all(job, image, given)
    except (*LEFT, ImageNotFound):
        raise
    except GlanceliteError as error:
        return end_location_import(job, str(error), is_unsafe=isinstance(error, UnsafeContent))
    if given and content.os_hash_value != given["os_hash_value"]:
        return end_location_import(job, f"The data does not have the {given['os_hash_algo']} that was given for it.")
    _change(job, lambda image: _hashes_of(content))
    return _succeed(job)


def _place(job: Job, given: Mapping[str, str], is_secure: bool) -> Image:
    """Enter the location, unless an earlier attempt has."""
    url, store_id = job.input["loc_url"], job.input["store"]
    image = job.show_image()
    if _is_placed(job, image):
        return image
    store = job.services.stores.foreign.get(store_id)
    if store is None:
        raise StoreUnavailable(store=store_id, reason="it is not configured here.")
    missing = ", ".join(missing_formats(image.disk_format, image.container_format))
    if missing:
        raise FormatsNotSet(image_id=image.id, missing=missing)
    job.report(f"Asking store {store_id} for the size", at_once=True)
    size = store.size_url(url)
    if size <= 0:
        raise InvalidLocation(reason="the place does not say how many bytes there are, or there are none.")
    if size > job.services.config["image_size_cap"]:
        raise ImageTooLarge(image_id=image.id, limit=job.services.config["image_size_cap"])
    changes: dict[str, Any] = {"size": size, "status": "importing" if is_secure and given else "active"}
    if given and not is_secure:
        changes |= given
    elif is_secure and not given:
        changes["os_hash_algo"] = job.services.config["hashing_algorithm"]
    places = (Location(url, store_id, {"store": store_id}),)
    return _change(job, lambda image: changes, places)


def _is_placed(job: Job, image: Image) -> bool:
    """Has it the location already? StatusConflict when it has got its data in another way meanwhile."""
    if any(place.url == job.input["loc_url"] for place in image.locations):
        return True
    if image.locations or image.status != "queued":
        raise StatusConflict(image_id=image.id, status=image.status, wanted="active")
    return False


def _change(job: Job, make: Any, places: tuple[Location, ...] | None = None) -> Image:
    for _ in range(_TRIES):
        image = job.show_image()
        job.require_hold()
        if places and _is_placed(job, image):
            return image
        quota = job.services.storage_quota if places else None
        try:
            return job.services.registry.update_image(job.context, image, make(image), places, quota)
        except ChangedMeanwhile:
            continue
    raise ChangedMeanwhile(image_id=job.task.image_id)


def _read_all(job: Job, image: Image, given: Mapping[str, str]) -> Content:
    """The data's hashes; raises what is wrong with it. A place that fails is tried again from its beginning."""
    store = job.services.stores.foreign.get(image.locations[0].store)
    if store is None:
        raise StoreUnavailable(store=image.locations[0].store, reason="it is not configured here.")
    left = int(job.services.config["http_retries"])
    while True:
        try:
            return _read_once(job, image, given, store)
        except StoreUnavailable:
            left -= 1
            if left < 0:
                raise
            log.warning("task %s: %s is tried again", job.task.id, store.id)
            job.report("The place failed and is tried again", at_once=True)
            job.stopping.wait(1.0)


def _read_once(job: Job, image: Image, given: Mapping[str, str], store: Any) -> Content:
    config = job.services.config
    body, _ = store.open_url(image.locations[0].url)
    try:
        limits = Limits(
            cap=config["image_size_cap"],
            declared=image.size,
            algorithm=given.get("os_hash_algo") or config["hashing_algorithm"],
            must_match=False,
        )
        stream = Stream(image, Watched(body, image.size, "Hashing", job), limits)
        try:
            for _ in stream:
                pass
            return stream.content()
        finally:
            stream.close()
    finally:
        body.close()


def _hashes_of(content: Content) -> dict[str, Any]:
    names = ("checksum", "os_hash_algo", "os_hash_value", "virtual_size")
    return {name: getattr(content, name) for name in names}


def _succeed(job: Job) -> Ending:
    image = job.show_image()
    status = "active" if image.status == "importing" else None
    return Ending("success", result={"image_id": image.id}, image_status=status, properties={REASON: None})


def end_location_import(job: Job, reason: str, *, is_unsafe: bool = False) -> Ending:
    """How it fails: back to queued, where the place stays, for clients look there for what was refused; its data is not
    served. An image that was active before its data was looked at stays so, but for data that is not safe to open.
    """
    status = {"queued": "queued", "importing": "queued", "active": "deactivated" if is_unsafe else None}
    return Ending("failure", reason, image_status=status.get(job.show_image().status), properties={REASON: reason})
