"""Output: aligned columns for people, JSON for programs. Control characters in names are never sent to a terminal."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence

import click

NOTHING = "-"


def plain(value: object) -> str:
    """Return text without control characters: a client's name must not move the cursor or colour the screen."""
    text = NOTHING if value is None or value == "" else str(value)
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def moment(at: int | None) -> str:
    """Return an instant as UTC, to the minute."""
    return NOTHING if at is None else time.strftime("%Y-%m-%d %H:%MZ", time.gmtime(at))


def emit(value: object) -> None:
    """Print one JSON value, or the result of an operation as one."""
    import msgspec

    click.echo(json.dumps(msgspec.to_builtins(value), indent=2, ensure_ascii=False))


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Print rows under headings, or the sentence `empty`."""
    lines = [[plain(cell) for cell in row] for row in rows]
    if not lines:
        click.echo(empty)
        return
    lines.insert(0, list(headings))
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def mcp_urls(doors: Mapping[str, str]) -> dict[str, str]:
    """Return the URL of each door as a fact, with the door's name if there are several."""
    return {"MCP URL" if len(doors) == 1 else f"MCP URL of {name}": url for name, url in doors.items()}


def facts(values: Mapping[str, object]) -> None:
    """Print names and values, one indented pair per line."""
    width = max(map(len, values))
    for name, value in values.items():
        click.echo(f"  {name.ljust(width)}  {plain(value)}")
