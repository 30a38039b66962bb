"""`doorward explain RULE-ID`: the page behind a rule of `doorward check`."""

from __future__ import annotations

import click

from doorward.cli.groups import HELP_OPTIONS


@click.command(context_settings=HELP_OPTIONS)
@click.argument("rule_id")
def command(rule_id: str) -> None:
    """Print what a rule of `doorward check` means: what users see, the cause, the fix."""
    from doorward.config.faults import suggestion
    from doorward.doctor.rules import rules

    rule = rules().get(rule_id.upper())
    if rule is None:
        meant = suggestion(rule_id.upper(), list(rules()))
        hint = f"Did you mean {meant}?" if meant else f"There are: {', '.join(rules())}."
        raise click.UsageError(f"There is no rule '{rule_id}'. {hint}")
    click.echo(rule.page().rstrip())
