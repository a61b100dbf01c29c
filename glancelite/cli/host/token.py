"""`glancelite token`: bearer tokens of a service that runs with `--auth file`."""

from pathlib import Path

import click

from .settings import configured, load_config


@click.group(name="token")
def command() -> None:
    """Issue and revoke tokens of the built-in identity."""


@command.command()
@click.argument("user")
@click.option("--lifetime", type=float, metavar="SECONDS", help="How long it is valid. [default: until it is revoked]")
@configured
def issue(user: str, lifetime: float | None, config_file: Path | None, data_dir: Path | None) -> None:
    """Print a new token for a user. It is shown this once: only its digest is kept."""
    from glancelite.deploy import open_users

    click.echo(open_users(load_config(config_file, data_dir)).issue_token(user, lifetime))


@command.command()
@click.argument("token")
@configured
def revoke(token: str, config_file: Path | None, data_dir: Path | None) -> None:
    """Make a token invalid."""
    from glancelite.deploy import open_users

    open_users(load_config(config_file, data_dir)).revoke_token(token)
