"""What a run found, as JSON with a version and as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from doorward.doctor.rules import profiles
from doorward.doctor.run import ClientVerdict, Report

VERSION = 1


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
            name: {"verdict": each.verdict, "stops_at": each.stops_at} for name, each in report.clients.items()
        },
        "not_checked": [{"rule": rule, "why": why} for rule, why in report.not_checked.items()],
        "faults": list(report.crashed),
    }


def as_lines(report: Report) -> Iterator[str]:
    """Yield the report for people."""
    known = profiles()
    for name, verdict in report.clients.items():
        yield f"{known[name].title + ':':<17}{_sentence(verdict)}"
    for number, each in enumerate(report.findings, 1):
        yield ""
        yield f"{number}. {each.rule} {each.severity}, {each.verdict}: {each.summary}"
        yield from (f"     {line}" for line in each.evidence)
        yield f"   Fix: {each.fix}"
        yield f"   {each.spec}; more: doorward explain {each.rule}"
        if each.explains:
            yield f"   Also explains: {', '.join(each.explains)}"
    yield ""
    for why in dict.fromkeys(report.not_checked.values()):
        yield f"Not checked: {', '.join(rule for rule, each in report.not_checked.items() if each == why)} ({why})"
    yield from report.crashed
    yield "Not part of this check: the sign-in itself, and everything behind it."
    count = len(report.findings)
    yield f"{count} finding{'' if count == 1 else 's'}."


def _sentence(verdict: ClientVerdict) -> str:
    return f"{verdict.verdict} at {verdict.stops_at} ({verdict.rule})" if verdict.stops_at else verdict.verdict


def exit_code(report: Report, *, strict: bool) -> int:
    """Return 0 good, 1 problems found (with `strict`, risks and minor ones too), 3 could not finish."""
    bad = [each for each in report.findings if each.verdict != "note"]
    if not strict:
        bad = [each for each in bad if each.severity != "minor" and each.verdict != "risk"]
    if bad:
        return 1
    return 3 if report.crashed else 0
