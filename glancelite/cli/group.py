"""A click group that says what an unknown command may have meant, and whose commands may have names of two words."""

from difflib import get_close_matches

import click


class Group(click.Group):
    """Its commands may be groups of this kind again. `import info` may stand beside `import`."""

    group_class = type

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        longer = " ".join(args[:2])
        if len(args) > 1 and (command := self.commands.get(longer)):
            return longer, command, args[2:]
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            known = self.list_commands(ctx)
            near = [name for name in known if name.startswith(f"{args[0]} ")]
            near = near or get_close_matches(args[0], known, n=1, cutoff=0.5)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise click.UsageError(f"There is no command '{args[0]}'.{hint}", ctx)
        return super().resolve_command(ctx, args)
