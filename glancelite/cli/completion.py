"""`glancelite completion bash|zsh|fish`: what a shell's start-up file needs to complete our commands and options."""

import click
from click.shell_completion import get_completion_class


@click.command(name="completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the lines that make a shell complete glancelite: eval "$(glancelite completion bash)"."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.ClickException(f"click knows no completion for {shell}.")
    click.echo(kind(ctx.find_root().command, {}, "glancelite", "_GLANCELITE_COMPLETE").source())
