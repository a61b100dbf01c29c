"""`glancelite help image create` is `glancelite image create --help`."""

import click


@click.command(name="help")
@click.argument("names", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def command(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Show the help of a command."""
    place = ctx.find_root()
    left = list(names)
    while left:
        if not isinstance(place.command, click.Group):
            raise click.UsageError(f"'{place.command_path}' has no commands.")
        name, found, left = place.command.resolve_command(place, left)
        assert found is not None  # noqa: S101 - an unknown name has raised
        place = click.Context(found, info_name=name, parent=place, **found.context_settings)
    click.echo(place.get_help())
