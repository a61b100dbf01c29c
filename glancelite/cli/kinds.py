"""Kinds of text that can be completed: images, stores and tasks of the service, files of this host.

A command says nothing about it: its plain parameters get these kinds by their names.
"""

from typing import TYPE_CHECKING

import click
from click.types import StringParamType

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class Named(StringParamType):
    """A name that the service knows."""

    def __init__(self, noun: str) -> None:
        self.noun = noun

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        from .names import complete

        return complete(self.noun, ctx, incomplete)


class File(StringParamType):
    """A path; whether there is something is asked when it is used."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="file")]


_BY_NAME: dict[str, StringParamType] = {
    "image": Named("image"), "images": Named("image"), "image_option": Named("image"),
    "store": Named("store"), "stores": Named("store"), "task": Named("task"),
    "log_file": File(), "cacert": File(), "cert": File(), "key": File(),
}  # fmt: skip


def give_kind(param: click.Parameter) -> None:
    """Let a parameter that takes any text be completed."""
    if param.type is not click.STRING:
        return
    if isinstance(param, click.Option) and param.metavar == "PATH":
        param.type = File()
    elif param.name in _BY_NAME:
        param.type = _BY_NAME[param.name]
