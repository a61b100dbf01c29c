"""The import flow: data into staging, plugins, copies into stores, and what the image is in the end.

Whatever step it is at, the flow can be begun again from its start: data that is staged is not fetched again, a store
that has its copy is not given another.
"""

import logging
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from ..domain.context import Context
from ..domain.image import Image
from ..domain.limits import SIZE
from ..domain.ports import Blob, Body, Content, Intent, Signature, Store
from ..domain.signature import is_signed
from ..domain.task import FAILED_IMPORT, IMPORTING_TO, PLUGINS_DONE, REASON, Ending
from ..errors import (
    BadRequest,
    DataNotFound,
    GlanceliteError,
    Gone,
    ImageNotFound,
    ImageTooLarge,
    RegistryFull,
    RegistryRefused,
    RegistryUnavailable,
    StatusConflict,
    TaskLost,
    UnsupportedMediaType,
)
from ..usecases.arrival import arrive, begin, make_limits
from ..usecases.data import download_image
from ..usecases.hashes import be_nice
from ..usecases.limits import find_bounds, find_domain_bounds
from ..usecases.signatures import find_signature
from .before import undo_changes
from .fetching import fetch
from .job import MIB, Job, Watched
from .piece import run_plugins, verify_staged

REFUSED = (UnsupportedMediaType, BadRequest, ImageTooLarge)
"""Data that no store would be given, however often it is tried."""
LEFT = (TaskLost, RegistryUnavailable, RegistryRefused, RegistryFull)
"""Nothing is known of the data by these: the task is gone on with later."""
NOT_OF_STORE = (*REFUSED, *LEFT, Gone, ImageNotFound)
"""What no other store would do better."""

log = logging.getLogger(__name__)


def run_import(job: Job) -> Ending:
    """Do the import; how it ended. Raises ImageNotFound and what `LEFT` names."""
    image = job.show_image()
    try:
        job.check_attempts()
        if method_of(job) != "copy-image":
            image = _prepare(job, image)
        return _copy_all(job, image)
    except LEFT:
        raise
    except (Gone, ImageNotFound) as error:
        raise ImageNotFound(image_id=image.id) from error
    except GlanceliteError as error:
        if isinstance(error, StatusConflict):
            job.show_image()
        return end_import(job, str(error), is_refused=isinstance(error, REFUSED))
    except OSError as error:
        log.exception("task %s failed", job.task.id)
        return end_import(job, f"The server could not go on: {error.strerror or 'an input or output error'}.")


def method_of(job: Job) -> str:
    """The import method; empty for a task that has none."""
    return str(job.input.get("import_req", {}).get("method", {}).get("name", ""))


def _prepare(job: Job, image: Image) -> Image:
    """Have the image's data staged, checked against its promise and as the plugins want it."""
    staged = job.services.registry.find_staged(image.id)
    method = method_of(job)
    if staged is None and method == "glance-direct":
        raise DataNotFound(image_id=image.id)
    if staged is None:
        image = fetch(job, image)
    elif method == "glance-direct" and PLUGINS_DONE not in image.properties:  # else it was, before they worked on it
        verify_staged(job, image, staged)
    return run_plugins(job, image)


def _copy_all(job: Job, image: Image) -> Ending:
    """Bring the data to each store that has none of it yet: an earlier attempt may have done some."""
    wanted = set(job.input["backend"])
    missing = [store_id for store_id in job.input["backend"] if store_id not in _stores(image)]
    failed = _copy_to_each(job, image, missing)
    if failed and job.input["import_req"]["all_stores_must_succeed"]:
        store_id, reason = next(iter(failed.items()))
        return end_import(job, reason, failed=(store_id,))
    if missing:
        image = job.show_image()
    if failed and not wanted & _stores(image):
        return end_import(job, "; ".join(failed.values()), failed=tuple(failed))
    properties: dict[str, str | None] = {IMPORTING_TO: "", FAILED_IMPORT: ",".join(sorted(failed)), REASON: None}
    if failed:
        properties[REASON] = "; ".join(failed.values())
    status = None if method_of(job) == "copy-image" else "active"
    message = f"Copied {(image.size or 0) // MIB} MiB"
    return Ending("success", message, {"image_id": image.id}, status, properties)


def _stores(image: Image) -> set[str]:
    return {place.store for place in image.locations}


def _copy_to_each(job: Job, image: Image, store_ids: Sequence[str]) -> dict[str, str]:
    """Copy to several stores at a time; why it failed, of those where it did. None is begun after it became useless."""
    must_succeed = bool(job.input["import_req"]["all_stores_must_succeed"])
    useless = Event()

    def copy(store_id: str) -> str:
        if useless.is_set():
            return ""
        try:
            copy_to(job, image, store_id)
        except Exception as error:
            is_of_store = isinstance(error, GlanceliteError) and not isinstance(error, NOT_OF_STORE)
            if must_succeed or not is_of_store:
                useless.set()
            if not is_of_store:
                raise
            log.warning("task %s: store %s: %s", job.task.id, store_id, error)
            return str(error)
        return ""

    most = int(job.services.config["image_import_opts.max_parallel_stores"])
    with ThreadPoolExecutor(most, thread_name_prefix="copy", initializer=be_nice) as pool:
        return {store_id: why for store_id, why in zip(store_ids, pool.map(copy, store_ids), strict=True) if why}


def copy_to(job: Job, image: Image, store_id: str) -> Image:
    """One more copy of the data; the image then."""
    services = job.services
    store = services.stores.get(store_id)
    if store is None:
        raise DataNotFound(image_id=image.id)
    signature = _find_signature(job, image)
    body, size = _open(job, image)
    try:
        intent = _intend(job, image, store, size)
        room = begin(services, job.context, intent, store)
        algorithms = _algorithms(services.config["legacy_checksum"], image)
        limits = make_limits(services, intent, room, signature=signature, **algorithms)
        source = Watched(body, size, f"Copying to store {store_id}", job)

        def commit(content: Content, url: str) -> Image:
            return services.registry.commit_copy(job.context, intent, content, url)

        return arrive(services, image, intent, source, store, limits, commit)
    finally:
        body.close()


def _find_signature(job: Job, image: Image) -> Signature | None:
    """What staged data must fit. What a store has of the image already was checked when it came."""
    if method_of(job) == "copy-image" or not is_signed(image.properties):
        return None
    return find_signature(job.services, job.context, image, job.require_token())


def _open(job: Job, image: Image) -> tuple[Body, int | None]:
    """What is copied: the staged data, or what a store has of the image already."""
    if method_of(job) == "copy-image":
        body = download_image(job.services, Context(admin=True), image)
        if body is None:
            raise DataNotFound(image_id=image.id)
        return body, image.size
    staged = require_staged(job, image)
    return job.services.stores.staging.open(staged.key)


def require_staged(job: Job, image: Image) -> Blob:
    staged = job.services.registry.find_staged(image.id)
    if staged is None:
        raise DataNotFound(image_id=image.id)
    return staged


def _algorithms(has_checksum: bool, image: Image) -> dict[str, Any]:
    """Further copies have the hashes that the first one has, whatever is configured by now."""
    if not image.os_hash_algo or not image.os_hash_value:
        return {}
    return {"algorithm": image.os_hash_algo, "has_checksum": image.checksum is not None}


def _intend(job: Job, image: Image, store: Store, size: int | None) -> Intent:
    services = job.services
    return Intent(
        key=str(uuid.uuid4()),
        image_id=image.id,
        store=store.id,
        process=services.process,
        kind="copy",
        expect=image.status,
        to=image.status,
        if_lost=image.status,
        declared=size,
        quota=services.storage_quota,
        bounds=find_bounds(services, image.owner, SIZE),
        domain=find_domain_bounds(services, image.owner),
        task=job.task.id,
    )


def end_import(job: Job, reason: str, *, is_refused: bool = False, failed: tuple[str, ...] = ()) -> Ending:
    """How an import fails: the image can be tried again from where it makes sense; nothing but staged data is left."""
    method = method_of(job)
    keeps = method == "glance-direct" and not is_refused
    status = {"copy-image": None, "glance-direct": "uploading" if keeps else "queued"}.get(method, "queued")
    properties: dict[str, str | None] = {IMPORTING_TO: "", FAILED_IMPORT: ",".join(sorted(failed)), REASON: reason}
    fields, changed = undo_changes(job, keeps)
    return Ending(
        "failure",
        reason,
        image_status=status,
        properties=properties | changed,
        fields=fields,
        dropped_stores=tuple(job.input["backend"]),
        keeps_staged=keeps,
    )
