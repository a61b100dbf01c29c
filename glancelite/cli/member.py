"""`image add project`, `image remove project`, `image member …`: the projects that an image is shared with."""

from typing import TYPE_CHECKING

import click

from glancelite.client.errors import Refused

from .group import Group
from .output import View, print_many, print_one, shows_many, shows_one
from .project import domain_option, find_project
from .service import complain, doing, open_images, open_members

if TYPE_CHECKING:
    from glancelite.client.members import Member

LIST_COLUMNS = {"Image ID": "image_id", "Member ID": "member_id", "Status": "status"}
SHOWN = ("created_at", "image_id", "member_id", "schema", "status", "updated_at")


@click.command("add project")
@click.argument("image")
@click.argument("project")
@domain_option
@shows_one
def add_project(image: str, project: str, project_domain: str | None, view: View) -> None:
    """Share an image with a project, which may accept it then."""
    member = find_project(project, project_domain)
    with doing(f"share image '{image}' with project '{project}'"):
        added = open_members(open_images().find(image)["id"]).add(member)
    print_one(_describe(added), view)


@click.command("remove project")
@click.argument("image")
@click.argument("project")
@domain_option
def remove_project(image: str, project: str, project_domain: str | None) -> None:
    """Share an image with a project no longer. One that it was not shared with is warned about."""
    member = find_project(project, project_domain)
    with doing(f"remove project '{project}' from image '{image}'"):
        members = open_members(open_images().find(image)["id"])
        try:
            members.remove(member)
        except Refused as refused:
            if refused.status != 404:
                raise
            complain(f"Image '{image}' was not shared with project '{project}': {refused}")


@click.group("member", cls=Group)
def group() -> None:
    """List and show the projects that an image is shared with."""


@group.command("list")
@click.argument("image")
@click.option("--project-domain", metavar="DOMAIN", hidden=True, expose_value=False)
@shows_many
def list_members(image: str, view: View) -> None:
    """List the projects that an image is shared with."""
    with doing(f"list the members of image '{image}'"):
        members = open_members(open_images().find(image)["id"]).list()
    print_many(tuple(LIST_COLUMNS), [[each.get(name) for name in LIST_COLUMNS.values()] for each in members], view)


@group.command()
@click.argument("image")
@click.argument("project")
@domain_option
@shows_one
def get(image: str, project: str, project_domain: str | None, view: View) -> None:
    """Show one project that an image is shared with."""
    member = find_project(project, project_domain)
    with doing(f"show project '{project}' of image '{image}'"):
        found = open_members(open_images().find(image)["id"]).show(member)
    print_one(_describe(found), view)


def _describe(member: "Member") -> "Member":
    return {name: member.get(name) for name in SHOWN}
