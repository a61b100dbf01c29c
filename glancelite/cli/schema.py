"""`image schema show`: the fields of what the service speaks of, as it describes them itself."""

from typing import Any

import click

from .group import Group
from .output import View, print_many, shows_many
from .service import doing, open_offers


@click.group("schema", cls=Group)
def group() -> None:
    """Show what the service says of its own documents."""


@group.command()
@click.argument("name")
@click.option("--raw", is_flag=True, help="The JSON schema as the service gives it.")
@shows_many
def show(name: str, raw: bool, view: View) -> None:
    """Show the fields of an image, images, member, members, task, tasks, or metadefs/… ."""
    with doing(f"show schema '{name}'"):
        schema = open_offers().schema(name)
    if raw:
        import json

        click.echo(json.dumps(schema, indent=None if view.noindent else 2))
        return
    fields: dict[str, Any] = schema.get("properties") or {}
    rows = [[field, _type(told), told.get("readOnly", False), told.get("description", "")]
            for field, told in fields.items()]  # fmt: skip
    print_many(("Attribute", "Type", "Read Only", "Description"), rows, view)


def _type(told: dict[str, Any]) -> str:
    kind = told.get("type", "")
    return " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind)
