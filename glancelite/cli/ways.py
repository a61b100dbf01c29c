"""The options that say how data becomes an image's and where it is kept, of `image create` and `image import`."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from glancelite.domain.digest import Digest, parse_digest

from .fields import exclusive, flag

Command = TypeVar("Command", bound=Callable[..., Any])

METHODS = ("glance-direct", "web-download", "glance-download", "copy-image")
_SOURCES = {
    "uri": ("web-download", "uri"),
    "remote_region": ("glance-download", "glance_region"),
    "remote_image": ("glance-download", "glance_image_id"),
    "remote_service_interface": ("glance-download", "glance_service_interface"),
}
"""Option -> the method that it goes with, and its name there."""
_NEEDED = {"web-download": ("uri",), "glance-download": ("remote_region", "remote_image")}


def read_digest(ctx: click.Context, param: click.Parameter, value: str | None) -> Digest | None:
    """Callback: ALGORITHM:HEX."""
    try:
        return None if value is None else parse_digest(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}.", ctx, param) from error


def way_options(command: Command) -> Command:
    """Decorator: where data comes from, what it must be, and which stores it goes to."""
    for decorate in reversed(_OPTIONS):
        command = decorate(command)
    return command


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--uri", metavar="URI", help="web-download: where the service fetches the data."),
    click.option("--remote-region", metavar="REGION", help="glance-download: region of the other image service."),
    click.option("--remote-image", "--remote-image-id", "remote_image", metavar="ID",
                 help="glance-download: the image there."),
    click.option("--remote-service-interface", metavar="INTERFACE",
                 help="glance-download: interface of its endpoint; public unless said."),
    click.option("--checksum", metavar="ALGORITHM:HEX", callback=read_digest,
                 help="What the data must be, as sha256:…; other data is refused."),
    click.option("--store", "stores", multiple=True, metavar="ID", help="Store to put the data in; repeatable."),
    flag("all-stores", "Put it in all stores."),
    flag("allow-failure", "Be content with some of several stores (unless said otherwise)."),
    flag("disallow-failure", "All of the stores, or the import fails."),
)  # fmt: skip


wait_timeout_option = click.option(
    "--wait-timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS",
    help="--wait: no longer than this; exit with 5 when the import has not ended then. It goes on.",
)  # fmt: skip


def check_patience(most: float | None, *, waits: bool) -> None:
    """A usage error for a limit of a wait that there is not."""
    if most is not None and not waits:
        raise click.UsageError("--wait-timeout goes with --wait.")


def check_stores(values: Mapping[str, Any]) -> None:
    """A usage error for stores named in two ways."""
    if values["stores"] and values["all_stores"]:
        raise click.UsageError("--store and --all-stores exclude each other.")
    if exclusive(values, {"allow_failure": True, "disallow_failure": True}) and not _names_stores(values):
        raise click.UsageError("--allow-failure and --disallow-failure go with --store or --all-stores.")


def _names_stores(values: Mapping[str, Any]) -> bool:
    return bool(values["stores"] or values["all_stores"])


def make_request(method: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """What to ask the service for; a usage error where options do not go together."""
    for option, (owner, _) in _SOURCES.items():
        if values[option] is not None and owner != method:
            raise click.UsageError(f"{_spell(option)} goes with --method {owner} only.")
    for option in _NEEDED.get(method, ()):
        if not values[option]:
            raise click.UsageError(f"{method} needs {_spell(option)}.")
    if method == "web-download":
        _check_uri(values["uri"])
    if method == "copy-image" and not _names_stores(values):
        raise click.UsageError("copy-image needs --store or --all-stores.")
    if method == "copy-image" and values["checksum"]:
        raise click.UsageError("--checksum goes with methods that bring data in; copy-image does not.")
    check_stores(values)
    return {"method": _describe_method(method, values)} | _choose_stores(values)


def _describe_method(method: str, values: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: values[option] for option, (_, name) in _SOURCES.items() if values[option] is not None}
    digest: Digest | None = values["checksum"]
    return {"name": method} | said | ({"checksum": f"{digest.algorithm}:{digest.value}"} if digest else {})


def _choose_stores(values: Mapping[str, Any]) -> dict[str, Any]:
    chosen: dict[str, Any] = {"all_stores": True} if values["all_stores"] else {}
    chosen |= {"stores": list(values["stores"])} if values["stores"] else {}
    return chosen | ({"all_stores_must_succeed": values["disallow_failure"]} if chosen else {})


def _check_uri(uri: str) -> None:
    try:
        parts = urlsplit(uri)
    except ValueError:
        parts = urlsplit("")
    if not (parts.scheme and parts.netloc):
        raise click.UsageError(f"'{uri}' is not a URL to fetch an image from.")


def _spell(option: str) -> str:
    return "--" + option.replace("_", "-")
