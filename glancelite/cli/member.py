"""`glancelite image add|remove project` and `image member …`: the projects that an image is shared with."""

from typing import Any

import click

from .output import View, print_many, print_one, shows_many, shows_one
from .service import doing, open_images, open_members, open_transport, settings

COLUMNS = ("Image ID", "Member ID", "Status")
STATUSES = {
    "accept": "accepted",
    "reject": "rejected",
    "pending": "pending",
}
"""Options of `image set` -> the status that they give a member."""

_domain = click.option("--project-domain", metavar="DOMAIN", hidden=True, expose_value=False)


@click.command("add project")
@click.argument("image")
@click.argument("project")
@_domain
@shows_one
def add(image: str, project: str, view: View) -> None:
    """Share an image with a project, named by its ID. The project decides whether it accepts."""
    with doing(f"share image '{image}' with project '{project}'"):
        member = open_members().add(_id_of(image), project)
    print_one(member, view)


@click.command("remove project")
@click.argument("image")
@click.argument("project")
@_domain
def remove(image: str, project: str) -> None:
    """Share an image no longer with a project, named by its ID."""
    with doing(f"take image '{image}' from project '{project}'"):
        open_members().remove(_id_of(image), project)


@click.command("member list")
@click.argument("image")
@_domain
@shows_many
def list_members(image: str, view: View) -> None:
    """List the projects that an image is shared with."""
    with doing(f"list the members of image '{image}'"):
        members = open_members().list(_id_of(image))
    rows = [[member.get(name) for name in ("image_id", "member_id", "status")] for member in members]
    print_many(COLUMNS, rows, view)


@click.command("member get")
@click.argument("image")
@click.argument("project")
@_domain
@shows_one
def get(image: str, project: str, view: View) -> None:
    """Show what a project has made of an image that is shared with it."""
    with doing(f"show member '{project}' of image '{image}'"):
        member = open_members().show(_id_of(image), project)
    print_one(member, view)


commands: tuple[click.Command, ...] = (add, remove, list_members, get)


def own_project() -> str:
    """The project that is acted in; a usage error where nothing says which it is."""
    found = settings().get("project_id") or open_transport().project_id()
    if not found:
        raise click.UsageError("Nothing says which project you act in: name it with --project.")
    return str(found)


def _id_of(image: str) -> str:
    found: dict[str, Any] = open_images().find(image)
    return str(found["id"])
