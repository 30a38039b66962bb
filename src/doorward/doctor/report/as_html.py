"""A report as one self-contained page: no script, nothing fetched, light and dark, for screen and paper.

The template escapes what a server sent, and as a second defence the page's policy lets nothing run or load.
Spec: CSP Level 3 s6
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from doorward.doctor.engine.check import Finding
from doorward.doctor.engine.rules import profiles, rules
from doorward.doctor.engine.run import STAGES, Report
from doorward.doctor.report.formats import not_checked, sentence, to_the_point, weight, who_is_stopped
from doorward.doctor.report.verdicts import GRADES, Outcome, grade, headline, is_certain, outcomes

_MARK = re.compile(r"^ *\^ ")
_SHOWN_LINES = 20
_WORST = ("failed", "risk", "note", "passed", "skipped")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of evidence; `at` is the character that a mark points to."""

    kind: str
    text: str
    at: str = ""
    after: str = ""


@functools.lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("doorward.doctor.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def as_html(report: Report, *, examined_at: int) -> str:
    """Return the page; `examined_at` is in Unix seconds."""
    all_outcomes = list(outcomes(report))
    return (
        _environment()
        .get_template("report.html")
        .render(
            url=report.url,
            when=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(examined_at)),
            headline=headline(report) or _alone(report),
            tone=_tone(report),
            clients=[
                {"title": profiles()[name].title, "grade": grade(report, name), "sentence": sentence(verdict)}
                for name, verdict in report.clients.items()
            ],
            grades=GRADES,
            shown_lines=_SHOWN_LINES,
            stages=list(_stages(all_outcomes)),
            findings=[_finding(each) for each in report.findings],
            not_checked=not_checked(report),
            crashed=report.crashed,
            outcomes=all_outcomes,
            marks={"failed": "✕", "risk": "!", "note": "i", "passed": "✓", "skipped": "–"},
        )
    )


def _alone(report: Report) -> str:
    name, verdict = next(iter(report.clients.items()))
    return f"{profiles()[name].title} {sentence(verdict)}."


def _tone(report: Report) -> str:
    given = {grade(report, name) for name in report.clients}
    tones = (("F", "bad"), ("D", "poor"), ("-", "poor"), ("C", "fair"))
    return next((tone for letter, tone in tones if letter in given), "good")


def _finding(finding: Finding) -> dict[str, object]:
    rule = rules()[finding.rule]
    return {
        "id": finding.rule,
        "title": rule.title,
        "symptom": rule.symptom,
        "cause": rule.cause,
        "summary": finding.summary,
        "stopped": who_is_stopped(finding),
        "weight": weight(finding),
        "tone": finding.severity if is_certain(finding) else finding.verdict,
        "lines": list(lines(to_the_point(finding))),
        "fix": finding.fix,
        "spec": finding.spec,
        "explains": [(name, rules()[name].title) for name in finding.explains],
    }


def lines(evidence: Sequence[str]) -> Iterator[Line]:
    """Yield lines of evidence with their kind, and the character that a mark below them points to."""
    for place, text in enumerate(evidence):
        mark = next((each for each in evidence[place + 1 : place + 3] if _MARK.match(each)), "")
        if _MARK.match(text):
            yield Line("mark", text)
        elif mark and not text.startswith(("> ", "< ")):
            at = mark.index("^")
            yield Line("differs", text[:at], text[at : at + 1] or " ", text[at + 1 :])
        else:
            yield Line("asked" if text.startswith("> ") else "answered" if text.startswith("< ") else "plain", text)


def _stages(all_outcomes: Sequence[Outcome]) -> Iterator[dict[str, str]]:
    """Yield each hop of the chain with its worst outcome."""
    for stage in STAGES:
        kinds = {each.kind for each in all_outcomes if each.rule.stage == stage.name}
        if kinds:
            yield {"title": stage.title, "kind": next(kind for kind in _WORST if kind in kinds)}
