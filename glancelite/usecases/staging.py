"""Staging: data that is put down first and becomes an image's by an import."""

import uuid
from collections.abc import Mapping
from typing import Any

from ..domain.context import Context
from ..domain.image import Image
from ..domain.limits import STAGE, UPLOADING
from ..domain.ports import Content, Intent
from ..errors import ImageTooLarge, StatusConflict
from .arrival import arrive, begin, make_limits
from .images import on_top
from .intake import Source
from .limits import find_bounds, find_domain_bounds
from .services import Services


def stage_data(services: Services, context: Context, image: Image, source: Source, declared: int | None) -> Image:
    """Put down data for a queued image: queued -> uploading, or back to queued with nothing left of it.

    Neither hashed nor inspected: that is for the import, which reads every byte again.
    """
    cap = services.config["image_size_cap"]
    if declared is not None and declared > cap:
        raise ImageTooLarge(image_id=image.id, limit=cap)
    store = services.stores.staging

    def begin_staging(current: Image) -> tuple[Intent, int | None]:
        if current.status != "queued":
            raise StatusConflict(image_id=current.id, status=current.status, wanted="uploading")
        intent = stage_intent(services, current, declared, kind="stage", expect="queued", to="uploading")
        return intent, begin(services, context, intent, store)

    intent, room = on_top(services, context, image, "modify_image", begin_staging)
    limits = make_limits(services, intent, room, is_staging=True)

    def commit(content: Content, url: str) -> Image:
        return services.registry.park_blob(context, intent, content, {})

    return arrive(services, image, intent, source, store, limits, commit)


def stage_intent(services: Services, image: Image, declared: int | None, **values: Any) -> Intent:
    """The intent to bring bytes into staging."""
    plain: Mapping[str, Any] = {
        "key": str(uuid.uuid4()),
        "image_id": image.id,
        "store": services.stores.staging.id,
        "process": services.process,
        "declared": declared,
        "bounds": find_bounds(services, image.owner, STAGE, UPLOADING),
        "domain": find_domain_bounds(services, image.owner),
    }
    return Intent(**{**plain, **values})
