"""How commands are found: imported only when they run, and suggested when they are misspelt."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}


class CommandGroup(click.Group):
    """A group that suggests the most similar command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first argument names."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from doorward.config.faults import suggestion

            known = self.list_commands(ctx)
            meant = suggestion(args[0], known)
            hint = f"Did you mean '{meant}'?" if meant else f"There are: {', '.join(known)}."
            raise click.UsageError(f"No such command '{args[0]}'. {hint}", ctx)
        return super().resolve_command(ctx, args)


class LazyGroup(CommandGroup):
    """A group whose commands are in modules of this package, each imported when it runs."""

    def __init__(self, *arguments: Any, lazy: Mapping[str, str], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.lazy = lazy
        """By command: its line in `--help`. The module has the command's name, and the object is `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order in which they were declared."""
        del ctx
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        del ctx
        if cmd_name not in self.lazy:
            return None
        found = importlib.import_module(f"doorward.cli.{cmd_name}").command
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(self.lazy.items()))
