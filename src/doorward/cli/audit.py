"""`doorward audit`: the log of events, and the proof that it was not changed."""

from __future__ import annotations

import json

import click

from doorward.cli.groups import HELP_OPTIONS, CommandGroup
from doorward.cli.installation import Place, as_json, at_a_place
from doorward.cli.operations import every, perform
from doorward.cli.printing import emit, moment, plain, table

FOUND_PROBLEMS = 1


@click.group(cls=CommandGroup, context_settings=HELP_OPTIONS)
def command() -> None:
    """The audit log: what happened, and whether the log is intact."""


@command.command("list")
@click.option("--after", type=click.IntRange(min=0), default=0, metavar="NUMBER", help="Only later entries.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="At most this many.")
@as_json
@at_a_place
def list_(place: Place, *, after: int, limit: int, as_json: bool) -> None:
    """List entries, oldest first."""
    from doorward.administration import audit

    found = perform(place, audit.LIST, audit.ListEntries(after=after, limit=limit))
    if as_json:
        emit(found.items)
        return
    table(
        ("NUMBER", "AT", "EVENT", "OUTCOME", "REASON", "ACTOR", "CLIENT ID", "DETAIL"),
        (
            (
                each.number,
                moment(each.at),
                each.event,
                each.outcome,
                each.reason,
                each.actor,
                each.client_id,
                " ".join(f"{name}={value}" for name, value in each.detail.items()),
            )
            for each in found.items
        ),
        empty="There are no entries yet.",
    )
    if found.next_cursor is not None:
        click.echo(f"There is more: doorward audit list --after {found.items[-1].number}", err=True)


@command.command()
@click.option("--after", type=click.IntRange(min=0), default=0, metavar="NUMBER", help="Only later entries.")
@at_a_place
def export(place: Place, *, after: int) -> None:
    """Print every entry as one line of JSON."""
    from doorward.administration import audit

    for each in every(place, audit.LIST, audit.ListEntries(after=after)):
        click.echo(json.dumps(each, ensure_ascii=False))


@command.command()
@as_json
@at_a_place
def verify(place: Place, *, as_json: bool) -> int:
    """Verify the whole log; names the first entry that was changed, removed or added, with exit code 1."""
    from doorward.administration import audit

    found = perform(place, audit.VERIFY, audit.Verify())
    if as_json:
        emit(found)
    elif found.intact:
        older = f" {found.removed} older ones were removed, as an entry of the log says." if found.removed else ""
        click.echo(
            f"Intact: {found.entries} entries.{older} Hash of the last one, to store elsewhere: {found.head or 'none'}"
        )
    else:
        click.echo(f"Broken at entry {found.broken_at}: {plain(found.problem)} Intact before it: {found.entries}.")
    return 0 if found.intact else FOUND_PROBLEMS
