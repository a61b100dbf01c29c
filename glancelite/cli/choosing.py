"""Options that choose images by what they are: of a list, and of what is done to many at once."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from glancelite.client.query import filter_value

from .fields import VISIBILITIES, exclusive, flag, split_pairs
from .project import domain_option, find_project

Command = TypeVar("Command", bound=Callable[..., Any])
Query = list[tuple[str, str]]

_NOT_PROPERTIES = ("limit", "marker", "sort", "sort_key", "sort_dir", "tag")


def choosing_options(command: Command) -> Command:
    """Decorator: visibilities, --property, --name, --tag, --project and its domain."""
    for decorate in reversed(_OPTIONS):
        command = decorate(command)
    return command


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    *(flag(name, f"Only {name} images.") for name in VISIBILITIES),
    click.option("--property", "filters", multiple=True, metavar="KEY=VALUE", callback=split_pairs,
                 help="Only with this property; repeatable."),
    click.option("--name", help="Only with this name."),
    click.option("--tag", "tags", multiple=True, help="Only with this tag; repeatable: with all of them."),
    click.option("--project", "--owner", "owner", metavar="PROJECT", help="Only of this project (administrators)."),
    domain_option,
)  # fmt: skip


def make_query(values: Mapping[str, Any]) -> Query:
    """What to ask the service for; a usage error for what it cannot be asked for. --project is looked up."""
    query: Query = []
    for name, value in values["filters"]:
        if name in _NOT_PROPERTIES:
            raise click.UsageError(f"A list cannot be filtered by a property called '{name}'.")
        query.append((name, value))
    query += [("name", filter_value(values["name"]))] if values["name"] is not None else []
    visibility = exclusive(values, {name: name for name in (*VISIBILITIES, "all")})
    query += [("visibility", visibility)] if visibility else []
    query += [("tag", tag) for tag in values["tags"]]
    if values["owner"] is not None:
        query.append(("owner", find_project(values["owner"], values["project_domain"])))
    return query
