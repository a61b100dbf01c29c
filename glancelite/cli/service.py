"""Opens the service that the settings describe, for the command that runs; says what failed when something does."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from glancelite import __version__
from glancelite.client.errors import BadAccess, ClientError, ImportFailed, WaitedEnough

from .options import KEY, SETTINGS, collect
from .output import View, room
from .session import Session, name_access
from .table import draw
from .text import printable

_CACHE, _TRANSPORT = "glancelite.settings", "glancelite.transport"
"""Where the click context keeps what a command has of each but once."""

if TYPE_CHECKING:
    from glancelite.client.auth import Login
    from glancelite.client.images import Image, Images
    from glancelite.client.locations import Locations
    from glancelite.client.members import Members
    from glancelite.client.offers import Offers
    from glancelite.client.tasks import Tasks
    from glancelite.client.transport import Exchange, Transport


@contextmanager
def doing(what: str) -> Iterator[None]:
    """A client error in this block becomes one line: what failed, and why."""
    try:
        yield
    except BadAccess as error:
        raise click.UsageError(str(error)) from error
    except ClientError as error:
        if getattr(error, "status", None) == 401:
            click.get_current_context().ensure_object(Session).opened.clear()
        raise failure(f"Cannot {what}: {error}", error) from error


def failure(message: str, error: BaseException) -> click.ClickException:
    """An error of the command, with the exit code for what went wrong."""
    found = click.ClickException(message)
    code = 3 if isinstance(error, ImportFailed) else 5 if isinstance(error, WaitedEnough) else 1
    found.exit_code = code  # type: ignore[misc] # click reads it off the instance
    return found


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
    """Log in; the connection ends with the command, and in a shell with the shell."""
    ctx = click.get_current_context()
    if _TRANSPORT in ctx.meta:
        opened: Transport = ctx.meta[_TRANSPORT]
        return opened
    chosen = settings()
    _start_log(ctx, chosen)
    session = ctx.ensure_object(Session)
    with doing("log in"):
        _, transport = _log_in(session, chosen)
    ctx.call_on_close(partial(_end, ctx, session, transport, len(transport.exchanges)))
    ctx.meta[_TRANSPORT] = transport
    return transport


def _log_in(session: Session, chosen: dict[str, Any]) -> "tuple[Login, Transport]":
    from glancelite.client.auth import log_in
    from glancelite.client.transport import Transport

    access = name_access(chosen)
    if access not in session.opened:
        _ask_password(chosen)
        login = log_in(chosen)
        session.opened[access] = login, Transport(login, chosen, f"glancelite/{__version__}")
    return session.opened[access]


def _end(ctx: click.Context, session: Session, transport: "Transport", first: int) -> None:
    """What follows the result of a command."""
    ctx.meta.pop(_TRANSPORT, None)
    exchanges = transport.exchanges[first:]
    if settings().get("timing"):
        _print_timing(ctx, exchanges)
    if any(each.method not in ("GET", "HEAD") for each in exchanges):
        from .names import forget

        forget(settings())
    if not session.is_shell:
        transport.close()


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
        complain(text)


def complain(text: str) -> None:
    """Say what went wrong, on stderr; control characters in it are somebody else's."""
    click.echo(printable(text), err=True)


def _ask_password(chosen: dict[str, Any]) -> None:
    if chosen.get("password") or not (chosen.get("username") or chosen.get("user_id")) or chosen.get("token"):
        return
    if chosen.get("auth_type", "password") in ("password", "v3password", "http_basic") and sys.stdin.isatty():
        chosen["password"] = click.prompt("Password", hide_input=True, err=True)


def _start_log(ctx: click.Context, chosen: Mapping[str, Any]) -> None:
    from .log import Log

    session = ctx.ensure_object(Session)
    session.log = session.log or Log(chosen)
    if chosen.get("verbose"):
        for param in _unused(ctx):
            click.echo(f"{param} is of other services, and ignored.", err=True)


def _unused(ctx: click.Context) -> list[str]:
    said = ctx.meta.get(KEY, {})
    return [each.flags for each in SETTINGS if each.key.startswith("unused_") and each.key in said]


def _print_timing(ctx: click.Context, exchanges: "Sequence[Exchange]") -> None:
    """After the result: below a table on stdout; on stderr where stdout is for a program, or for image data."""
    rows = [(f"{each.method} {each.url}", f"{each.seconds:.3f}") for each in exchanges]
    rows.append(("Total", f"{sum(each.seconds for each in exchanges):.3f}"))
    below_table = ctx.params.get("format") == "table"
    width = room(View()) if below_table else 0
    click.echo(draw(("URL", "Seconds"), rows, (False, True), width), err=not below_table)
