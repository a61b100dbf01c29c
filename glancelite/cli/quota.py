"""`image quota show`: what a project may have, and has."""

import click

from .group import Group
from .output import View, print_many, shows_many
from .service import doing, open_offers


@click.group("quota", cls=Group)
def group() -> None:
    """Show the quotas of the project."""


@group.command()
@shows_many
def show(view: View) -> None:
    """Show the limits of the login's project, and what it uses of each; a limit of -1 is none."""
    with doing("show quotas"):
        usage = open_offers().usage()
    rows = [[name, each.get("limit"), each.get("usage")] for name, each in usage.items()]
    print_many(("Quota", "Limit", "Usage"), rows, view)
