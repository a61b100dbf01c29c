"""Opens the service that the settings describe, for the command that runs; says what failed when something does."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from glancelite import __version__
from glancelite.client.auth import log_in
from glancelite.client.errors import BadAccess, ClientError

from .options import collect
from .table import draw

_CACHE, _TRANSPORT = "glancelite.settings", "glancelite.transport"
"""Where the click context keeps what a command has of each but once."""

if TYPE_CHECKING:
    from glancelite.client.images import Image, Images
    from glancelite.client.locations import Locations
    from glancelite.client.members import Members
    from glancelite.client.offers import Offers
    from glancelite.client.tasks import Tasks
    from glancelite.client.transport import Transport


@contextmanager
def doing(what: str) -> Iterator[None]:
    """A client error in this block becomes one line: what failed, and why."""
    try:
        yield
    except BadAccess as error:
        raise click.UsageError(str(error)) from error
    except ClientError as error:
        raise click.ClickException(f"Cannot {what}: {error}") from error


def settings() -> dict[str, Any]:
    """The settings of the command that runs."""
    ctx = click.get_current_context()
    if _CACHE not in ctx.meta:
        ctx.meta[_CACHE] = collect(ctx, os.environ)
    found: dict[str, Any] = ctx.meta[_CACHE]
    return found


def open_images() -> "Images":
    """The images of the service."""
    from glancelite.client.images import Images

    return Images(open_transport())


def open_transport() -> "Transport":
    """Log in; the connection ends with the command, which has but one."""
    from glancelite.client.transport import Transport

    ctx = click.get_current_context()
    if _TRANSPORT in ctx.meta:
        opened: Transport = ctx.meta[_TRANSPORT]
        return opened
    chosen = settings()
    _ask_password(chosen)
    _start_log(chosen)
    with doing("log in"):
        transport = Transport(log_in(chosen), chosen, f"glancelite/{__version__}")
    ctx.call_on_close(transport.close)
    if chosen.get("timing"):
        ctx.call_on_close(lambda: _print_timing(ctx, transport))
    ctx.meta[_TRANSPORT] = transport
    return transport


def open_tasks() -> "Tasks":
    """The tasks of the service."""
    from glancelite.client.tasks import Tasks

    return Tasks(open_transport())


def open_offers() -> "Offers":
    """What the service offers."""
    from glancelite.client.offers import Offers

    return Offers(open_transport())


def open_members(image_id: str) -> "Members":
    """The members of an image."""
    from glancelite.client.members import Members

    return Members(open_transport(), image_id)


def open_locations(images: "Images", image: "Image") -> "Locations":
    """The locations of an image."""
    from glancelite.client.locations import Locations

    return Locations(open_transport(), images, image)


def note(text: str) -> None:
    """Say something on stderr, unless -q was given."""
    if not settings().get("quiet"):
        click.echo(text, err=True)


def _ask_password(chosen: dict[str, Any]) -> None:
    if chosen.get("password") or not (chosen.get("username") or chosen.get("user_id")) or chosen.get("token"):
        return
    if chosen.get("auth_type", "password") in ("password", "v3password", "http_basic") and sys.stdin.isatty():
        chosen["password"] = click.prompt("Password", hide_input=True, err=True)


def _start_log(chosen: Mapping[str, Any]) -> None:
    import logging

    verbose = int(chosen.get("verbose", 0))
    level = logging.DEBUG if chosen.get("debug") or verbose > 1 else logging.INFO if verbose else logging.WARNING
    logging.getLogger().addHandler(logging.NullHandler())
    ours = logging.getLogger("glancelite.client")
    ours.setLevel(level)
    ours.addHandler(logging.StreamHandler(sys.stderr))


def _print_timing(ctx: click.Context, transport: "Transport") -> None:
    """After the result: on stdout below a table, on stderr where stdout is for a program."""
    rows = [(f"{each.method} {each.url}", f"{each.seconds:.3f}") for each in transport.exchanges]
    rows.append(("Total", f"{sum(each.seconds for each in transport.exchanges):.3f}"))
    for_program = ctx.params.get("format", "table") != "table"
    click.echo(draw(("URL", "Seconds"), rows, (False, True)), err=for_program)
