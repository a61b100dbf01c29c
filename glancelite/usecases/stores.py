"""The stores as a caller sees them, and taking an image's copy out of one."""

from typing import Any

from ..domain.context import Context
from ..domain.image import Image
from ..domain.ports import ForeignStore, Store
from ..errors import LastLocation, NoSuchStore, NotInStore, NotMultiStore, StatusConflict
from .images import on_top, require
from .services import Services


def require_multi(services: Services) -> None:
    """Raise NotMultiStore (404) where requests do not speak of stores."""
    if not services.stores.is_multi:
        raise NotMultiStore()


def list_stores(services: Services) -> list[dict[str, Any]]:
    """Id and description of each store; the default one says so. Values are text, as the Image API has it."""
    found = []
    for store in (*services.stores, *services.stores.foreign.values()):
        entry: dict[str, Any] = {"id": store.id}
        if isinstance(store, ForeignStore):
            entry["read-only"] = "true"
        if store.description:
            entry["description"] = store.description
        if store is services.stores.default:
            entry["default"] = "true"
        found.append(entry)
    return found


def list_store_details(services: Services) -> list[dict[str, Any]]:
    """The same with driver, weight and properties of each."""
    stores: dict[str, Store | ForeignStore] = {store.id: store for store in services.stores} | dict(
        services.stores.foreign
    )
    return [
        entry
        | {
            "type": stores[entry["id"]].driver,
            "weight": stores[entry["id"]].weight,
            "properties": stores[entry["id"]].show_properties(),
        }
        for entry in list_stores(services)
    ]


def check_store(services: Services, store_id: str) -> None:
    """Raise NoSuchStore (409) for an id that names none."""
    require_multi(services)
    if services.stores.get(store_id) is None and store_id not in services.stores.foreign:
        raise NoSuchStore(store=store_id)


def remove_copy(services: Services, context: Context, image: Image, store_id: str) -> None:
    """Take the image's copy out of one store; never the last one."""
    require(services, context, "get_image_location", image)

    def attempt(current: Image) -> Image:
        if current.status != "active":
            raise StatusConflict(image_id=current.id, status=current.status, wanted="active")
        kept = tuple(location for location in current.locations if location.store != store_id)
        if len(kept) == len(current.locations):
            raise NotInStore(image_id=current.id, store=store_id)
        if not kept:
            raise LastLocation(image_id=current.id)
        return services.registry.update_image(context, current, {}, kept)

    on_top(services, context, image, "delete_image_location", attempt)
    services.wake.set()
