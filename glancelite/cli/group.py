"""A click group that says what an unknown command may have meant, whose commands may have names of two words, and
which imports the modules of commands when they are used.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class Group(click.Group):
    """Its commands may be groups of this kind again. `import info` may stand beside `import`.

    `places` has commands by their name, as `module:attribute` below this package. `finish` is done once to each command
    that is found here or further down, with the words that lead to it.
    """

    group_class = type

    def __init__(self, *args: Any, places: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.places = dict(places or {})
        self.path = ""
        self.finish: Callable[[click.Command, str], None] = lambda command, path: None
        self._finished: set[str] = set()

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self.commands.keys() | self.places.keys())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.places and cmd_name not in self.commands:
            module, _, attribute = self.places[cmd_name].partition(":")
            self.commands[cmd_name] = getattr(importlib.import_module(f"{__package__}.{module}"), attribute)
        command = self.commands.get(cmd_name)
        if command is not None and cmd_name not in self._finished:
            self._finished.add(cmd_name)
            path = f"{self.path} {cmd_name}".lstrip()
            self.finish(command, path)
            if isinstance(command, Group):
                command.path, command.finish = path, self.finish
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Of a name of two words the first, which may be the name of another command."""
        found = super().shell_complete(ctx, incomplete)
        for item in found:
            item.value = item.value.partition(" ")[0]
        return list({item.value: item for item in reversed(found)}.values())[::-1]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        longer = " ".join(args[:2])
        if len(args) > 1 and (command := self.get_command(ctx, longer)):
            return longer, command, args[2:]
        if ctx.resilient_parsing and len(args) == 1 and (rest := self._second_words(ctx, args[0])):
            return args[0], Group(args[0], rest), []
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from difflib import get_close_matches

            known = self.suggest(ctx)
            near = [name for name in known if name.startswith(f"{args[0]} ")]
            near = near or get_close_matches(args[0], known, n=1, cutoff=0.5)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise click.UsageError(f"There is no command '{args[0]}'.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def suggest(self, ctx: click.Context) -> list[str]:
        """The names that an unknown one may have meant."""
        return self.list_commands(ctx)

    def _second_words(self, ctx: click.Context, first: str) -> dict[str, click.Command]:
        """For completion: what may follow the first word of names of two, where it is no command itself."""
        names = self.list_commands(ctx)
        longer = [] if first in names else [name for name in names if name.startswith(f"{first} ")]
        found = {name.partition(" ")[2]: self.get_command(ctx, name) for name in longer}
        return {rest: command for rest, command in found.items() if command is not None}
