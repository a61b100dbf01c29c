"""How bytes arrive, whatever they are for: begun in the registry, taken in, committed; or given up, with nothing left.

Upload, stage, fetch and copy differ in what they read and in what a commit makes of it; the order is the same for all.
"""

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from ..domain.context import Context
from ..domain.image import Image
from ..domain.limits import SIZE
from ..domain.ports import Content, Intent, Store
from ..errors import DataNotFound, GlanceliteError, RegistryFull, Unavailable, UploadGivenUp
from .intake import Limits, Source, take_in
from .services import Services

Result = TypeVar("Result")
Commit = Callable[[Content, str], Result]

_PAUSE = 0.05
_LONGEST_PAUSE = 2.0

log = logging.getLogger(__name__)


def begin(services: Services, context: Context, intent: Intent, store: Store) -> int | None:
    """Enter the blob; the bytes that are left for it (None: no limit). Raises as `begin_blob` does."""
    services.writing.add(intent.key)
    try:
        return services.registry.begin_blob(context, intent)
    except BaseException as error:
        if isinstance(error, Unavailable):
            give_up(services, intent.key, store)  # whether it was begun is not known
        services.writing.discard(intent.key)
        raise


def arrive(
    services: Services,
    image: Image,
    intent: Intent,
    source: Source,
    store: Store,
    limits: Limits,
    commit: Commit[Result],
) -> Result:
    """Take in what was begun, and commit it. Raises what the source, the store, the content and the commit raise."""

    def write() -> tuple[Content, str]:
        return take_in(image, intent.key, source, store, limits)

    return arrive_by(services, intent, store, write, commit)


def arrive_by(
    services: Services, intent: Intent, store: Store, write: Callable[[], tuple[Content, str]], commit: Commit[Result]
) -> Result:
    """The same with bytes that `write` brings into the store."""
    try:
        content, url = _write(services, intent, store, write)
        return _commit(services, intent, store, lambda: commit(content, url))
    finally:
        services.writing.discard(intent.key)


def _write(
    services: Services, intent: Intent, store: Store, write: Callable[[], tuple[Content, str]]
) -> tuple[Content, str]:
    try:
        return write()
    except DataNotFound as error:  # housekeeping elsewhere has dropped it: this process's lease had ended
        give_up(services, intent.key, store)
        raise UploadGivenUp(image_id=intent.image_id) from error
    except BaseException:
        give_up(services, intent.key, store)
        raise


def make_limits(
    services: Services, intent: Intent, room: int | None, *, is_staging: bool = False, **more: object
) -> Limits:
    """What a stream must keep to by configuration, quota and limits."""
    config = services.config
    bound = intent.bounds.get(SIZE.name)
    is_tighter = bound is not None and (intent.quota is None or bound <= intent.quota)
    plain: dict[str, object] = {
        "cap": config["image_size_cap"],
        "declared": intent.declared,
        "room": room,
        "room_of": f"{SIZE.name} (in bytes)" if is_tighter else "bytes of image data",
        "algorithm": config["hashing_algorithm"],
        "has_checksum": config["legacy_checksum"],
        "must_match": config["image_format.require_image_format_match"],
        "is_staging": is_staging,
    }
    return Limits(**{**plain, **more})  # type: ignore[arg-type] # names and types are those of Limits


def _commit(services: Services, intent: Intent, store: Store, commit: Callable[[], Result]) -> Result:
    """Commit, asking again while the outcome is not known: bytes are never dropped on a guess."""
    deadline = time.monotonic() + services.config["registry.commit_patience"]
    pause, is_first = _PAUSE, True
    while True:
        try:
            return commit()
        except RegistryFull:
            # The one failure that is known to have changed nothing and that needs the bytes' room to be written down.
            # If an answer was lost before, that commit may still be under way.
            give_up(services, intent.key, store, bytes_first=is_first)
            raise
        except Unavailable:
            if time.monotonic() > deadline:
                raise  # housekeeping goes on asking
        except GlanceliteError:
            give_up(services, intent.key, store)
            raise
        time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads load, guards nothing
        pause, is_first = min(pause * 2, _LONGEST_PAUSE), False


def give_up(services: Services, key: str, store: Store, *, bytes_first: bool = False) -> None:
    """Abort first; only when that is certain are the bytes dropped. What cannot be done now is left to housekeeping."""
    try:
        if bytes_first:
            store.delete(key)
        state = services.registry.abort_blob(key)
        if state not in ("live", "staged"):
            store.delete(key)
            services.registry.record_unlink(key, services.lease)
    except Unavailable as error:
        log.warning("blob %s cannot be given up yet: %s", key, error)
