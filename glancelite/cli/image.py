"""`glancelite image …`: the commands that ask for images and change them; where the others are."""

from typing import Any

import click

from glancelite.client.errors import ClientError, Unreachable
from glancelite.client.query import filter_value

from .choosing import Query, choosing_options, make_query
from .display import LIST_COLUMNS, LONG_COLUMNS, describe, human_size
from .fields import collect_fields, collect_properties, exclusive, flag, image_options
from .group import Group
from .output import View, print_many, print_one, shows_many, shows_one
from .service import complain, doing, open_images
from .status import change_status, plan_status, status_options, telling

_ELSEWHERE = {
    "add project": "member:add_project",
    "convert": "converting:convert",
    "create": "transfer:create",
    "import": "importing:import_image",
    "import info": "importing:import_info",
    "inspect": "inspect:inspect",
    "location": "location:group",
    "member": "member:group",
    "prune": "pruning:prune",
    "quota": "quota:group",
    "remove project": "member:remove_project",
    "save": "saving:save",
    "schema": "schema:group",
    "stage": "importing:stage",
    "stores": "store:group",
    "task": "task:group",
    "upload": "transfer:upload",
}


@click.group(name="image", cls=Group, places=_ELSEWHERE)
def group() -> None:
    """Create, list, show, change, import, save and delete images.

    An image is named by its ID, or by its name where only one visible image has it.
    """


@group.command("list")
@choosing_options
@flag("all", "Images of every visibility.")
@click.option("--status", help="Only in this status.")
@click.option(
    "--member-status",
    type=click.Choice(["accepted", "pending", "rejected", "all"], case_sensitive=False),
    help="Of images shared with you: only those you gave this status.",
)
@click.option("--checksum", metavar="MD5", help="Only with data of this MD5.")
@click.option("--hash", "os_hash_value", metavar="HEX", help="Only with data of this hash.")
@flag("hidden", "Hidden images instead of the others.")
@click.option("--long", "is_long", is_flag=True, help="More columns.")
@click.option("--include-stores", "has_stores", is_flag=True, help="With the stores that have the data.")
@click.option("--sort", default="name:asc", metavar="KEY[:DIRECTION],…", help="Order; name:asc unless said.")
@click.option("--limit", type=click.IntRange(1), help="One page of this many images; with --max-items: size of a page.")
@click.option("--marker", metavar="IMAGE", help="Begin after this image.")
@click.option("--max-items", type=click.IntRange(1), help="No more images than this, page after page.")
@click.option("--page-size", hidden=True, expose_value=False)
@shows_many
def list_images(
    view: View, is_long: bool, has_stores: bool, limit: int | None, max_items: int | None, **values: Any
) -> None:
    """List images."""
    columns = (LONG_COLUMNS if is_long else LIST_COLUMNS) | ({"Stores": "stores"} if has_stores else {})
    query = _make_query(values)
    with doing("list images"):
        listed = open_images()
        if values["marker"] is not None:
            query.append(("marker", listed.find(values["marker"])["id"]))
        images = list(listed.list(query, limit, max_items or limit))
    rows = [[image.get(field) for field in columns.values()] for image in images]
    print_many(tuple(columns), rows, view)


def _make_query(values: dict[str, Any]) -> Query:
    query = make_query(values)
    query += [("status", filter_value(values["status"]))] if values["status"] is not None else []
    exact = ("member_status", "checksum", "os_hash_value")
    query += [(name, values[name]) for name in exact if values[name] is not None]
    query += [("os_hidden", "true")] if values["hidden"] else []
    return [*query, ("sort", ",".join(map(_with_direction, values["sort"].split(","))))]


def _with_direction(key: str) -> str:
    """A key of a sort order; ascending unless said otherwise, as `openstack` has it. The service would descend."""
    return key if ":" in key else f"{key}:asc"


@group.command()
@click.argument("image")
@click.option("--human-readable", is_flag=True, help="Size with a unit.")
@shows_one
def show(image: str, human_readable: bool, view: View) -> None:
    """Show an image."""
    with doing(f"show image '{image}'"):
        record = describe(open_images().find(image))
    if human_readable and record["size"] is not None:
        record["size"] = human_size(record["size"])
    print_one(record, view)


@group.command("set")
@click.argument("image")
@click.option("--name", help="New name.")
@click.option("--container-format", metavar="FORMAT", help="Format around the disk, while the image has no data.")
@click.option("--disk-format", metavar="FORMAT", help="Format of the disk, while the image has no data.")
@image_options
@flag("hidden", "Leave it out of lists.")
@flag("unhidden", "Show it in lists.")
@status_options
def set_image(image: str, **values: Any) -> None:
    """Change an image, or what a project makes of one that is shared with it. Tags are added to those it has."""
    status = plan_status(values)
    fields = collect_fields(values, "name", "container_format", "disk_format")
    hidden = exclusive(values, {"hidden": True, "unhidden": False})
    fields |= {} if hidden is None else {"os_hidden": hidden}
    with doing(f"change image '{image}'"):
        images = open_images()
        found = images.find(image)
        if values["tags"]:
            fields["tags"] = list(dict.fromkeys([*found["tags"], *values["tags"]]))
        changes = [{"op": "replace", "path": _pointer(name), "value": value} for name, value in fields.items()]
        changes += [
            {"op": "add", "path": _pointer(name), "value": value} for name, value in collect_properties(values).items()
        ]
        change_status(images, found["id"], status)
        if changes:
            with telling(status):
                images.update(found["id"], changes)


@group.command()
@click.argument("image")
@click.option("--tag", "tags", multiple=True, help="Tag to remove; repeatable.")
@click.option("--property", "properties", multiple=True, metavar="KEY", help="Property to remove; repeatable.")
def unset(image: str, tags: tuple[str, ...], properties: tuple[str, ...]) -> None:
    """Remove tags and properties. What is not there is warned about, and makes the exit code 1."""
    with doing(f"change image '{image}'"):
        images = open_images()
        found = images.find(image)
        known = describe(found)["properties"].keys() - {"os_hidden", "os_hash_algo", "os_hash_value"}
        lost_tags = [tag for tag in dict.fromkeys(tags) if tag not in found["tags"]]
        lost = [name for name in dict.fromkeys(properties) if name not in known]
        changes: list[dict[str, Any]] = [
            {"op": "remove", "path": _pointer(n)} for n in dict.fromkeys(properties) if n not in lost
        ]
        if set(tags) - set(lost_tags):
            left = [tag for tag in found["tags"] if tag not in tags]
            changes.append({"op": "replace", "path": "/tags", "value": left})
        if changes:
            images.update(found["id"], changes)
    for kind, names in (("tag", lost_tags), ("property", lost)):
        for name in names:
            complain(f"Image '{image}' has no {kind} '{name}'.")
    failed = [f"{len(lost_tags)} of {len(set(tags))} tags"] * bool(lost_tags)
    failed += [f"{len(lost)} of {len(set(properties))} properties"] * bool(lost)
    if failed:
        raise click.ClickException(f"Failed to unset {' and '.join(failed)} of image '{image}'.")


@group.command()
@click.argument("image", nargs=-1, required=True)
@click.option("--store", metavar="ID", help="Only take their data out of this store, of several that have it.")
def delete(image: tuple[str, ...], store: str | None) -> None:
    """Delete images; goes on with the others when one cannot be deleted."""
    with doing("delete images"):
        images = open_images()
        failed, place = 0, "" if store is None else f" from store '{store}'"
        for reference in image:
            try:
                found = images.find(reference)["id"]
                images.delete(found) if store is None else images.delete_from(found, store)
            except ClientError as error:
                if isinstance(error, Unreachable) or getattr(error, "status", None) == 401:
                    raise
                failed += 1
                complain(f"Cannot delete image '{reference}'{place}: {error}")
    if failed:
        raise click.ClickException(f"Failed to delete {failed} of {len(image)} images.")


def _pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")
