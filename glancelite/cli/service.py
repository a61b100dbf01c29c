"""Opens the service that the settings describe, for the command that runs; says what failed when something does."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import click

from glancelite import __version__
from glancelite.client.auth import log_in
from glancelite.client.errors import BadAccess, ClientError, ImportFailed, WaitedEnough

from .options import collect
from .table import draw

_CACHE, _TRANSPORT = "glancelite.settings", "glancelite.transport"
"""Where the click context keeps what a command has of each but once."""
_KEPT: ContextVar["dict[str, Transport] | None"] = ContextVar("kept", default=None)
"""In a shell: the connections of all its commands, by the settings they were opened with."""

if TYPE_CHECKING:
    from glancelite.client.images import Images
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


@contextmanager
def connections_kept() -> Iterator[None]:
    """Commands in this block log in once and share a connection, where they are given the same settings."""
    kept: dict[str, Transport] = {}
    before = _KEPT.set(kept)
    try:
        yield
    finally:
        _KEPT.reset(before)
        for transport in kept.values():
            transport.close()


def open_transport() -> "Transport":
    """Log in; the connection ends with the command, which has but one, or with the shell."""
    ctx = click.get_current_context()
    if _TRANSPORT in ctx.meta:
        opened: Transport = ctx.meta[_TRANSPORT]
        return opened
    chosen = settings()
    _start_log(chosen)
    kept, key = _KEPT.get(), repr(sorted(chosen.items()))
    transport = kept.get(key) if kept is not None else None
    if transport is None:
        transport = _connect(chosen)
        if kept is None:
            ctx.call_on_close(transport.close)
        else:
            kept[key] = transport
    if chosen.get("timing"):
        earlier = len(transport.exchanges)
        ctx.call_on_close(lambda: _print_timing(ctx, transport.exchanges[earlier:]))
    ctx.meta[_TRANSPORT] = transport
    return transport


def _connect(chosen: dict[str, Any]) -> "Transport":
    from glancelite.client.transport import Transport

    _ask_password(chosen)
    with doing("log in"):
        return Transport(log_in(chosen), chosen, f"glancelite/{__version__}")


def open_members() -> "Members":
    """The members of the service's images."""
    from glancelite.client.members import Members

    return Members(open_transport())


def open_tasks() -> "Tasks":
    """The tasks of the service."""
    from glancelite.client.tasks import Tasks

    return Tasks(open_transport())


def open_offers() -> "Offers":
    """What the service offers."""
    from glancelite.client.offers import Offers

    return Offers(open_transport())


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
    ours.handlers[:] = [logging.StreamHandler(sys.stderr)]  # of the command before it, in a shell


def _print_timing(ctx: click.Context, exchanges: "Sequence[Exchange]") -> None:
    """After the result: on stdout below a table, on stderr where stdout is for a program, or for image data."""
    rows = [(f"{each.method} {each.url}", f"{each.seconds:.3f}") for each in exchanges]
    rows.append(("Total", f"{sum(each.seconds for each in exchanges):.3f}"))
    for_program = ctx.params.get("format") != "table"
    click.echo(draw(("URL", "Seconds"), rows, (False, True)), err=for_program)
