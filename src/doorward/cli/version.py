"""`doorward version`: for bug reports."""

from __future__ import annotations

import click

from doorward.cli.groups import HELP_OPTIONS


@click.command(context_settings=HELP_OPTIONS)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(*, as_json: bool) -> None:
    """Print the version."""
    import platform
    import sqlite3

    import doorward
    from doorward.cli.printing import emit

    facts = {
        "doorward": doorward.__version__,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "platform": platform.platform(),
    }
    if as_json:
        emit(facts)
        return
    print(f"doorward {facts['doorward']} (Python {facts['python']}, SQLite {facts['sqlite']}, {facts['platform']})")
