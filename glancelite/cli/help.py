"""`glancelite help image create` is `glancelite image create --help`."""

import click


@click.command(name="help")
@click.argument("names", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def command(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Show the help of a command."""
    place = ctx.find_root()
    for name in names:
        if not isinstance(place.command, click.Group):
            raise click.UsageError(f"'{place.command_path}' has no commands.")
        _, found, _ = place.command.resolve_command(place, [name])
        assert found is not None  # noqa: S101 - an unknown name has raised
        place = click.Context(found, info_name=name, parent=place, **found.context_settings)
    click.echo(place.get_help())
