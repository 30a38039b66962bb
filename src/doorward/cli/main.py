"""The entry point: finds the command, and turns every expected error into a message and an exit code.

Exit codes: 0 good, 1 found problems, 2 wrong usage or configuration, 3 could not run. Importing this module imports
click and nothing heavy, so `doorward --help` is fast.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

import doorward
from doorward.cli.groups import HELP_OPTIONS, LazyGroup
from doorward.errors import ConfigError, Problem, StartError, StorageError

WRONG_USAGE = 2
COULD_NOT_RUN = 3
INTERRUPTED = 130

COMMANDS = {
    "serve": "Put a server behind a door and serve it.",
    "check": "Examine an MCP server as its clients would, and name what stops them.",
    "explain": "Print what a rule of `doorward check` means: what users see, the cause, the fix.",
    "clients": "Pre-registered OAuth clients.",
    "tokens": "Tokens that a client sends in a header.",
    "users": "Accounts and service accounts.",
    "grants": "What users allowed clients to do.",
    "keys": "Keys that sign tokens and encrypt what is stored.",
    "doors": "Doors: which there are, and those added by command.",
    "audit": "The audit log: what happened, and whether the log is intact.",
    "db": "The database.",
    "config": "The settings.",
    "version": "Print the version.",
}


class Doorward(LazyGroup):
    """All commands. Closing their output early (`| head`) is not an error."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; click would turn a closed pipe into exit code 1."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            if ctx.invoked_subcommand == "serve":
                raise
            # Otherwise Python would complain again when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        return result


@click.group(cls=Doorward, lazy=COMMANDS, context_settings=HELP_OPTIONS)
@click.version_option(doorward.__version__, prog_name="doorward", message="%(prog)s %(version)s")
def cli() -> None:
    """The front door for MCP servers.

    Puts any MCP server behind one URL with complete OAuth: doorward serve server.py
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    try:
        code = cli.main(arguments, prog_name="doorward", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return WRONG_USAGE
    except ConfigError as error:
        report(error.problems)
        return WRONG_USAGE
    except StartError as error:
        report([error.problem])
        return COULD_NOT_RUN
    except StorageError as error:
        report([Problem(f"the store cannot answer: {error}", fix="Nothing was changed. Try again.")])
        return COULD_NOT_RUN
    except KeyboardInterrupt:
        return INTERRUPTED


def report(problems: Sequence[Problem]) -> None:
    """Write all problems to standard error."""
    if len(problems) == 1:
        click.echo(f"doorward: {problems[0]}", err=True)
        return
    click.echo(f"doorward: {len(problems)} problems", err=True)
    for problem in problems:
        click.echo(f"\n{problem}", err=True)
