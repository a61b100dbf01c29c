"""`glancelite completion bash` and `glancelite complete`: what a shell's start-up file needs to complete our words."""

import click

_SHELLS = click.Choice(["bash", "zsh", "fish"])


@click.command(name="completion")
@click.argument("shell", type=_SHELLS)
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the lines that make a shell complete glancelite: eval "$(glancelite completion bash)".

    Images are completed too, by name and ID, where the environment or clouds.yaml says which service to ask.
    """
    _print_script(ctx, shell, "glancelite")


@click.command(name="complete")
@click.option("--shell", type=_SHELLS, default="bash", show_default=True, help="The shell.")
@click.option("--name", default="glancelite", show_default=True, metavar="COMMAND", help="The command to complete.")
@click.pass_context
def complete(ctx: click.Context, shell: str, name: str) -> None:
    """Print the same as `glancelite completion`, asked for as other clients are."""
    _print_script(ctx, shell, name)


def _print_script(ctx: click.Context, shell: str, name: str) -> None:
    from .words import SHELLS, VARIABLE

    click.echo(SHELLS[shell](ctx.find_root().command, {}, name, VARIABLE).source(), nl=False)
