"""A click group that says what an unknown command may have meant, and whose commands may have names of two words."""

from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class Group(click.Group):
    """Its commands may be groups of this kind again. `import info` may stand beside `import`."""

    group_class = type

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
        if len(args) > 1 and (command := self.commands.get(longer)):
            return longer, command, args[2:]
        if ctx.resilient_parsing and len(args) == 1 and (rest := self._second_words(ctx, args[0])):
            return args[0], Group(args[0], rest), []
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
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
        found = {
            name.partition(" ")[2]: command for name, command in self.commands.items() if name.startswith(f"{first} ")
        }
        return {} if first in self.commands else found
