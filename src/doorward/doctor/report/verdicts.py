"""The verdicts of a report: a grade for each client, an outcome for each rule, and an exit code.

Every format of the report (lines, JSON, page, JUnit) uses these, so that they cannot disagree. Does not know any
format, and implements no section of a specification.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from doorward.doctor.engine.check import Finding
from doorward.doctor.engine.rules import Rule, profiles, rules
from doorward.doctor.engine.run import STAGES, Report

GRADES = {
    "A": "nothing to fix was found",
    "B": "only risks: what may go wrong one day",
    "C": "a fault that is a nuisance, or a risk that would stop the client",
    "D": "a fault that will break the client sooner or later",
    "F": "a fault that stops the client",
    "-": "not examined to the end",
}
"""What each grade means for one client; `-` is no grade."""
UNGRADED = "-"

Kind = Literal["failed", "risk", "note", "passed", "skipped"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one rule."""

    rule: Rule
    kind: Kind
    finding: Finding | None = None
    why: str = ""
    """Why it was skipped."""


def is_certain(finding: Finding) -> bool:
    """Return whether something is wrong now, and not only a risk."""
    return finding.verdict not in {"risk", "note"}


def grade(report: Report, client: str) -> str:
    """Return a client's grade: the worst of its findings."""
    mine = [each for each in report.findings if client in each.clients and each.verdict != "note"]
    certain = {each.severity for each in mine if is_certain(each)}
    if "blocker" in certain:
        return "F"
    if "major" in certain:
        return "D"
    if report.crashed or not report.reachable:
        return UNGRADED
    if certain or any(each.severity == "blocker" for each in mine):
        return "C"
    return "B" if mine else "A"


def fails(finding: Finding, *, strict: bool) -> bool:
    """Return whether a finding makes the exit code 1; with `strict`, risks and minor ones do too."""
    if finding.verdict == "note":
        return False
    return strict or (finding.severity != "minor" and finding.verdict != "risk")


def exit_code(report: Report, *, strict: bool) -> int:
    """Return 0 good, 1 problems found, 3 could not finish."""
    if any(fails(each, strict=strict) for each in report.findings):
        return 1
    return 3 if report.crashed else 0


def outcomes(report: Report) -> Iterator[Outcome]:
    """Yield the outcome of every rule, in the order of the chain."""
    found = {each.rule: each for each in report.findings}
    causes = {name: each.rule for each in report.findings for name in each.explains}
    order = {stage.name: place for place, stage in enumerate(STAGES)}
    for rule in sorted(rules().values(), key=lambda each: order.get(each.stage, len(order))):
        finding = found.get(rule.id)
        if finding is None:
            why = f"Follows from {causes[rule.id]}." if rule.id in causes else _why_not(rule, report)
            yield Outcome(rule, "skipped" if why else "passed", why=why)
        else:
            yield Outcome(rule, _kind(finding), finding)


def _kind(finding: Finding) -> Kind:
    if finding.verdict == "note":
        return "note"
    return "failed" if is_certain(finding) else "risk"


def _why_not(rule: Rule, report: Report) -> str:
    """Return why a rule was skipped; empty if it was not."""
    if rule.unseen:
        return rule.unseen
    if rule.id in report.not_checked:
        return report.not_checked[rule.id]
    if not set(rule.clients) & set(report.clients):
        return "It touches none of the clients that were asked about."
    if not report.reachable:
        return "The server cannot be reached."
    return "" if rule.stage in report.stages else "This hop was not examined to its end."


def titles(names: tuple[str, ...] | list[str]) -> str:
    """Return the clients' display names."""
    known = profiles()
    return "every client" if set(names) == set(known) else ", ".join(known[name].title for name in names)


def headline(report: Report) -> str:
    """Return the result for all clients in one sentence; empty if the user asked about only one."""
    everyone = len(report.clients)
    if everyone == 1:
        return ""
    given = [grade(report, name) for name in report.clients]
    if given.count("F") == everyone:
        return f"None of the {everyone} clients can connect."
    ends = {"F": "cannot connect", "D": "will fail sooner or later", UNGRADED: "could not be examined to the end"}
    parts = [f"{_share(given.count(letter), everyone)} {end}" for letter, end in ends.items() if letter in given]
    return f"{'; '.join(parts)}." if parts else f"Nothing stops any of the {everyone} clients."


def _share(count: int, everyone: int) -> str:
    return f"All {everyone} clients" if count == everyone else f"{count} of {everyone} clients"
