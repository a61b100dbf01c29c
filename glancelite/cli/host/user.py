"""`glancelite user`: who may use a service that runs with `--auth file`."""

import sys
from pathlib import Path

import click

from .settings import configured, load_config


@click.group(name="user")
def command() -> None:
    """Manage the users of the built-in identity."""


def _password(given: str | None) -> str:
    """The given password, a line of standard input where it is no terminal, or what the terminal's user types."""
    if given is not None:
        return given
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    prompted: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return prompted


@command.command()
@click.argument("name")
@click.option("--password", help="Asked for on a terminal, or read from standard input, where it is not given.")
@click.option("--project", default="default", show_default=True, help="The project the user works in.")
@click.option("--role", "roles", multiple=True, help="A role; repeatable. [default: member, reader]")
@configured
def add(
    name: str,
    password: str | None,
    project: str,
    roles: tuple[str, ...],
    config_file: Path | None,
    data_dir: Path | None,
) -> None:
    """Add a user."""
    from glancelite.deploy import open_users

    users = open_users(load_config(config_file, data_dir))
    users.add_user(name, _password(password), project, roles or ("member", "reader"))


@command.command()
@click.argument("name")
@click.option("--password", help="Asked for on a terminal, or read from standard input, where it is not given.")
@configured
def passwd(name: str, password: str | None, config_file: Path | None, data_dir: Path | None) -> None:
    """Change a user's password."""
    from glancelite.deploy import open_users

    open_users(load_config(config_file, data_dir)).set_password(name, _password(password))


@command.command(name="list")
@configured
def list_users(config_file: Path | None, data_dir: Path | None) -> None:
    """List users with their projects and roles."""
    from glancelite.deploy import open_users

    for user in open_users(load_config(config_file, data_dir)).list_users():
        click.echo(f"{user.name}\t{user.project}\t{','.join(user.roles)}")
