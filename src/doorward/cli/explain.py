"""`doorward explain RULE-ID`: prints the page of a rule of `doorward check`; without an id, lists them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import click

from doorward.cli.groups import HELP_OPTIONS

_STRONG = re.compile(r"\*\*(.+?)\*\*")


@click.command(context_settings=HELP_OPTIONS)
@click.argument("rule_id", required=False)
def command(rule_id: str | None) -> None:
    """Print what a rule of `doorward check` means: what users see, the cause, the fix.

    Without RULE_ID, every rule is listed.
    """
    from doorward.config.faults import suggestion
    from doorward.doctor.engine.rules import rules

    if rule_id is None:
        from doorward.cli.printing import table

        rows = [(each.id, each.severity, each.title) for each in rules().values()]
        table(("RULE", "SEVERITY", "WHAT"), rows, empty="")
        return
    rule = rules().get(rule_id.upper())
    if rule is None:
        meant = suggestion(rule_id.upper(), list(rules()))
        hint = f"Did you mean {meant}?" if meant else "`doorward explain` lists them."
        raise click.UsageError(f"There is no rule '{rule_id}'. {hint}")
    page = rule.page().rstrip()
    click.echo("\n".join(_for_reading(page)) if sys.stdout.isatty() else page)


def _for_reading(page: str) -> Iterator[str]:
    """Yield the page for a terminal: wrapped, and bold where Markdown has emphasis."""
    from doorward.cli.check_output import coloured, width
    from doorward.doctor.report.fitting import paragraph

    for block in page.splitlines():
        heading = block.startswith("# ")
        for line in paragraph(_STRONG.sub(r"\1", block.removeprefix("# ")), width()):
            yield click.style(line, bold=True) if heading and coloured() else line
