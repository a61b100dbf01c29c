"""`command list`: every command there is, in its group."""

from collections.abc import Iterator

import click

from .group import Group
from .output import View, print_many, shows_many


@click.group("command", cls=Group)
def command() -> None:
    """List the commands."""


@command.command("list")
@click.option("--group", "part", metavar="PART", help="Only groups with this in their name.")
@shows_many
@click.pass_context
def list_commands(ctx: click.Context, part: str | None, view: View) -> None:
    """List all commands, by group."""
    root = ctx.find_root()
    top = root.command
    assert isinstance(top, click.Group)  # noqa: S101 - commands are below one
    groups: dict[str, list[str]] = {}
    for name in top.list_commands(root):
        found = top.get_command(root, name)
        if found is not None:
            groups[f"glancelite.{name}"] = sorted(_names(found, name, root))
    rows = [
        [group, "\n".join(names) if view.format == "table" else names]
        for group, names in groups.items()
        if part is None or part in group
    ]
    print_many(("Command Group", "Commands"), rows, view)


def _names(found: click.Command, name: str, ctx: click.Context) -> Iterator[str]:
    if not isinstance(found, click.Group):
        yield name
        return
    for each in found.list_commands(ctx):
        child = found.get_command(ctx, each)
        if child is not None and not child.hidden:
            yield from _names(child, f"{name} {each}", ctx)
