"""A report as versioned JSON, and as lines for a terminal.

The HTML page is in `as_html.py`, the file for a pipeline in `as_junit.py`. Implements no section of a specification.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from doorward.doctor.engine.check import Finding
from doorward.doctor.engine.rules import profiles, rules
from doorward.doctor.engine.run import ClientVerdict, Report
from doorward.doctor.report import fitting
from doorward.doctor.report.verdicts import exit_code, grade, headline, is_certain, titles

__all__ = [
    "as_json",
    "as_lines",
    "exit_code",
    "finding_lines",
    "findings_of",
    "not_checked",
    "sentence",
    "to_the_point",
    "weight",
    "who_is_stopped",
]

VERSION = 1
WIDTH = 80
WIDTH_MIN = 50
_NAMED_RULES = 8
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_SEVERITY_COLOURS = {"blocker": "red", "major": "yellow", "minor": "cyan"}
_GRADE_COLOURS = {"A": "green", "B": "green", "C": "cyan", "D": "yellow", "F": "red"}


def as_json(report: Report) -> dict[str, Any]:
    """Return the stable shape that `docs/check.schema.json` describes."""
    return {
        "version": VERSION,
        "url": report.url,
        "findings": [
            {
                "rule": each.rule,
                "severity": each.severity,
                "verdict": each.verdict,
                "clients": list(each.clients),
                "summary": each.summary,
                "evidence": list(each.evidence),
                "fix": each.fix,
                "explains": list(each.explains),
            }
            for each in report.findings
        ],
        "clients": {
            name: {"verdict": each.verdict, "stops_at": each.stops_at, "grade": grade(report, name)}
            for name, each in report.clients.items()
        },
        "not_checked": [{"rule": rule, "why": why} for rule, why in report.not_checked.items()],
        "faults": list(report.crashed),
    }


def as_lines(report: Report, *, width: int = WIDTH, colour: bool = False, whole: bool = False) -> Iterator[str]:
    """Yield the report for people; `whole`: with all evidence, and every rule by name."""
    lines = _Lines(max(width, WIDTH_MIN), colour=colour, whole=whole)
    yield lines.ink(report.url, "bold")
    yield ""
    yield from lines.clients(report)
    if words := headline(report):
        yield from ["", *fitting.paragraph(words, lines.width)]
    yield from finding_lines(report.findings, width=width, colour=colour, whole=whole)
    yield ""
    yield from lines.rest(report)
    count = len(report.findings)
    order = ", in the order in which to fix them" if count > 1 else ""
    yield f"{count} finding{'' if count == 1 else 's'}{order}."


def finding_lines(
    findings: Iterable[Finding], *, width: int = WIDTH, colour: bool = False, whole: bool = False
) -> Iterator[str]:
    """Yield findings for people, numbered, each after an empty line."""
    lines = _Lines(max(width, WIDTH_MIN), colour=colour, whole=whole)
    for number, finding in enumerate(findings, 1):
        yield ""
        yield from lines.finding(number, finding)


def findings_of(listed: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """Return the findings in the output of `as_json`."""
    return [msgspec.convert({**each, "spec": rules()[each["rule"]].spec}, Finding) for each in listed]


def sentence(verdict: ClientVerdict) -> str:
    """Return how far a client gets."""
    return f"{verdict.verdict} at {verdict.stops_at} ({verdict.rule})" if verdict.stops_at else verdict.verdict


def who_is_stopped(finding: Finding) -> str:
    """Return the clients that a finding affects, and how certain that is."""
    if finding.verdict == "note":
        return f"Worth knowing for {titles(finding.clients)}; nothing has to be changed."
    if not is_certain(finding):
        return f"A risk for {titles(finding.clients)}."
    verb = {"blocker": "Stops", "major": "Will break", "minor": "Disturbs"}[finding.severity]
    return f"{verb} {titles(finding.clients)}."


def weight(finding: Finding) -> str:
    """Return the severity of a finding, in one or two words."""
    return finding.severity if is_certain(finding) else finding.verdict


def not_checked(report: Report) -> dict[str, list[str]]:
    """Return the skipped rules, by reason."""
    grouped: dict[str, list[str]] = {}
    for rule, why in report.not_checked.items():
        grouped.setdefault(why, []).append(rule)
    return grouped


def to_the_point(finding: Finding) -> list[str]:
    """Leave out CORS headers unless they are the fault."""
    about_browsers = finding.rule.startswith("CORS") or finding.rule == "NET-07"
    return [line for line in finding.evidence if about_browsers or not line.startswith("< access-control-")]


class _Lines:
    """The layout of a report at one width."""

    def __init__(self, width: int, *, colour: bool, whole: bool) -> None:
        self.width = width
        self.colour = colour
        self.whole = whole

    def ink(self, text: str, *names: str) -> str:
        """Colour a text that contains no escapes of its own."""
        if not self.colour or not names:
            return text
        return f"\x1b[{';'.join(_CODES[name] for name in names)}m{text}\x1b[0m"

    def clients(self, report: Report) -> Iterator[str]:
        """Yield a line for each client: grade, name, how far it gets."""
        known = profiles()
        rows = [(known[name].title, grade(report, name), sentence(each)) for name, each in report.clients.items()]
        if len(rows) > 1 and len({row[1:] for row in rows}) == 1:
            rows = [(f"all {len(rows)} clients", *rows[0][1:])]
        for title, letter, words in rows:
            inked = self.ink(letter, "bold", *(_GRADE_COLOURS[letter],) if letter in _GRADE_COLOURS else ())
            first, *rest = fitting.paragraph(words, self.width, first=f"  {letter}  {title:<15} ")
            yield f"  {inked}{first[3:]}"
            yield from rest

    def finding(self, number: int, finding: Finding) -> Iterator[str]:
        """Yield a finding, its evidence, and what to do."""
        rule = rules()[finding.rule]
        indent = " " * len(f"{number}. ")
        inner = self.width - len(indent)
        words = weight(finding)
        ink = _SEVERITY_COLOURS[finding.severity] if is_certain(finding) else "cyan"
        heading = fitting.paragraph(f"{finding.rule}  {rule.title}", inner - len(words) - 2)
        for place, line in enumerate(heading):
            gap = " " * (inner - len(line) - len(words))
            begin = f"{number}. " if not place else indent + " " * (len(finding.rule) + 2)
            yield begin + self.ink(line, "bold") + ("" if place else gap + self.ink(words, "bold", ink))
        yield from fitting.paragraph(f"{finding.summary} {who_is_stopped(finding)}", self.width, first=indent)
        yield ""
        evidence = finding.evidence if self.whole else to_the_point(finding)
        for line in fitting.evidence(evidence, inner - 2, whole=self.whole):
            yield f"{indent}  {self.ink(line, 'dim')}"
        yield ""
        yield from fitting.paragraph(rule.symptom, self.width, first=f"{indent}Users see: ", rest=f"{indent}  ")
        fix, *more = fitting.paragraph(finding.fix, self.width, first=f"{indent}Fix: ", rest=f"{indent}     ")
        yield indent + self.ink("Fix:", "bold", "green") + fix[len(indent) + 4 :]
        yield from more
        for line in fitting.paragraph(f"{finding.spec}; more: doorward explain {finding.rule}", inner):
            yield indent + self.ink(line, "dim")
        if finding.explains:
            also = ", ".join(finding.explains)
            yield from fitting.paragraph(f"Explains as well, and mends with it: {also}", self.width, first=indent)

    def rest(self, report: Report) -> Iterator[str]:
        """Yield the skipped rules with their reasons; then the doctor's own faults."""
        skipped = not_checked(report)
        if skipped:
            yield "Not checked:"
        for why, names in skipped.items():
            many = len(names) > _NAMED_RULES and not self.whole
            which = f"{len(names)} rules" if many else ", ".join(names)
            yield from fitting.paragraph(f"{why.rstrip('.')} ({which})", self.width, first="- ")
        if skipped:
            yield ""
        for fault in report.crashed:
            yield from fitting.paragraph(fault, self.width, rest="  ")
