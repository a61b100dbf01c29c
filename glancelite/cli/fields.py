"""Options that say what an image shall be, shared by the commands that create and change one."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from glancelite.domain.fields import BY_NAME, INTEGER_MAX

from .project import domain_option, find_project

Command = TypeVar("Command", bound=Callable[..., Any])
T = TypeVar("T")

VISIBILITIES = {
    "public": "Everybody sees and uses it.",
    "private": "Only its owner.",
    "community": "Everybody may use it; it is in nobody's list but its owner's.",
    "shared": "Its owner and the projects it is shared with.",
}
SHORTCUTS = {
    "architecture": "architecture", "instance_id": "instance_uuid", "kernel_id": "kernel_id",
    "os_distro": "os_distro", "os_version": "os_version", "ramdisk_id": "ramdisk_id", "instance_uuid": "instance_uuid",
}  # fmt: skip
"""Options that are properties by another name; the last one is an older spelling."""


def split_pairs(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Callback: KEY=VALUE, as pairs."""
    for text in values:
        if not text.partition("=")[0] or "=" not in text:
            raise click.BadParameter(f"'{text}' is not KEY=VALUE.", ctx, param)
    return tuple((key, value) for key, _, value in (text.partition("=") for text in values))


def split_properties(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """Callback: KEY=VALUE of additional properties only."""
    pairs = split_pairs(ctx, param, values)
    for key, _ in pairs:
        if key in BY_NAME:
            raise click.BadParameter(
                f"'{key}' is a field of the image, not a property: it has an option of its own or cannot be set.",
                ctx,
                param,
            )
    return pairs


def flag(name: str, text: str) -> Callable[[Command], Command]:
    """An on-off option of its own, for those that exclude each other."""
    return click.option(f"--{name}", name.replace("-", "_"), is_flag=True, default=False, help=text)


def visibility_options(command: Command) -> Command:
    """Decorator: --public, --private, --community, --shared."""
    for name, text in reversed(VISIBILITIES.items()):
        command = flag(name, text)(command)
    return command


def image_options(command: Command) -> Command:
    """Decorator: what `image create` and `image set` have in common."""
    for decorate in reversed(_SHARED):
        command = decorate(command)
    return command


_SIZE = click.IntRange(0, INTEGER_MAX)
_SHARED: tuple[Callable[[Any], Any], ...] = (
    click.option("--min-disk", type=_SIZE, metavar="GB", help="Disk that a server needs for it."),
    click.option("--min-ram", type=_SIZE, metavar="MB", help="Memory that a server needs for it."),
    flag("protected", "It cannot be deleted."),
    flag("unprotected", "It can be deleted."),
    visibility_options,
    click.option("--property", "properties", multiple=True, metavar="KEY=VALUE", callback=split_properties,
                 help="Additional property; repeatable."),
    click.option("--tag", "tags", multiple=True, help="Tag; repeatable."),
    click.option("--project", "--owner", "owner", metavar="PROJECT", help="Project that owns it."),
    domain_option,
    *(click.option(f"--{name.replace('_', '-')}", name, help=f"The same as --property {key}=…",
                   hidden=name == "instance_uuid")
      for name, key in SHORTCUTS.items()),
)  # fmt: skip


def exclusive(values: Mapping[str, Any], choices: Mapping[str, T]) -> T | None:
    """What the one flag that was given stands for; a usage error when several were."""
    given = [name for name in choices if values.get(name)]
    if len(given) > 1:
        raise click.UsageError(f"--{given[0]} and --{given[1]} exclude each other.")
    return choices[given[0]] if given else None


def collect_fields(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The image's fields that the options set, without properties and tags."""
    fields = {name: values[name] for name in ("min_disk", "min_ram", *names)}
    fields["protected"] = exclusive(values, {"protected": True, "unprotected": False})
    fields["visibility"] = exclusive(values, {name: name for name in VISIBILITIES})
    if values["owner"] is not None:
        fields["owner"] = find_project(values["owner"], values["project_domain"])
    return {name: value for name, value in fields.items() if value is not None}


def collect_properties(values: Mapping[str, Any]) -> dict[str, str]:
    """The additional properties that the options set."""
    shortcuts = {key: values[name] for name, key in SHORTCUTS.items() if values[name] is not None}
    return shortcuts | dict(values["properties"])
