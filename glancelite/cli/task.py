"""`glancelite image task …`: the jobs that the service does by itself."""

from typing import TYPE_CHECKING, Any

import click

from glancelite.domain.task import SORT_KEYS, STATUSES, TYPES

from .group import Group
from .output import View, print_many, print_one, shows_many, shows_one
from .service import doing, open_images, open_tasks

if TYPE_CHECKING:
    from glancelite.client.tasks import Task

LIST_COLUMNS = {"ID": "id", "Type": "type", "Status": "status", "Owner": "owner"}
SHOWN = {
    "created_at": "created_at", "expires_at": "expires_at", "id": "id", "input": "input", "message": "message",
    "owner_id": "owner", "result": "result", "status": "status", "type": "type", "updated_at": "updated_at",
}  # fmt: skip
"""Fields of `task show`, by their names in the API."""


@click.group("task", cls=Group)
def group() -> None:
    """List and show tasks: imports, and other jobs of the service."""


@group.command("list")
@click.argument("image", required=False)
@click.option("--image", "image_option", metavar="IMAGE", hidden=True)
@click.option("--sort-key", type=click.Choice(SORT_KEYS), help="Order; created_at unless said.")
@click.option("--sort-dir", type=click.Choice(["asc", "desc"]), help="Its direction; desc unless said.")
@click.option("--limit", type=click.IntRange(1), help="One page of this many tasks; with --max-items: size of a page.")
@click.option("--marker", metavar="ID", help="Begin after this task.")
@click.option("--max-items", type=click.IntRange(1), help="No more tasks than this, page after page.")
@click.option("--type", "type", type=click.Choice(TYPES), help="Only of this type.")
@click.option("--status", type=click.Choice(STATUSES), help="Only in this status.")
@shows_many
def list_tasks(view: View, image: str | None, image_option: str | None, **values: Any) -> None:
    """List the tasks about an image, or all (administrators)."""
    image = image or image_option
    if image is not None:
        tasks = _list_of_image(image, values)
    else:
        query = [(name, values[name]) for name in ("sort_key", "sort_dir", "marker", "type", "status") if values[name]]
        with doing("list tasks"):
            limit = values["limit"]
            tasks = list(open_tasks().list(query, limit, values["max_items"] or limit))
    rows = [[task.get(field) for field in LIST_COLUMNS.values()] for task in tasks]
    print_many(tuple(LIST_COLUMNS), rows, view)


def _list_of_image(image: str, values: dict[str, Any]) -> list["Task"]:
    """The service lists them all at once: they are chosen from and sorted here, by its rules."""
    if values["marker"]:
        raise click.UsageError("--marker is for the list of all tasks.")
    with doing(f"list the tasks of image '{image}'"):
        found = open_tasks().of_image(open_images().find(image)["id"])
    chosen = [task for task in found if all(values[name] in (None, task.get(name)) for name in ("type", "status"))]
    key = values["sort_key"] or "created_at"
    chosen.sort(key=lambda task: str(task.get(key) or ""), reverse=values["sort_dir"] != "asc")
    return chosen[: values["max_items"] or values["limit"]]


@group.command()
@click.argument("task")
@shows_one
def show(task: str, view: View) -> None:
    """Show a task (administrators)."""
    with doing(f"show task '{task}'"):
        found = open_tasks().show(task)
    print_one({name: found.get(field) for name, field in SHOWN.items()} | {"properties": {}}, view, ("input", "result"))
