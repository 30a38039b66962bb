"""A report as JUnit XML, which every build system shows: one test case per rule.

A rule fails, is skipped with the reason, or passes; it fails exactly if it makes the exit code 1. Implements no section
of a specification: JUnit has none.
"""

from __future__ import annotations

import re
from collections import Counter
from xml.etree import ElementTree as ET

from doorward.doctor.engine.check import Finding
from doorward.doctor.engine.run import Report
from doorward.doctor.report.formats import weight, who_is_stopped
from doorward.doctor.report.verdicts import Outcome, fails, outcomes

_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, not even escaped."""


def as_junit(report: Report, *, strict: bool) -> str:
    """Return the document; with `strict`, risks and minor findings are failures."""
    counted: Counter[str] = Counter()
    suite = ET.Element("testsuite", name=_legal(report.url))
    for outcome in outcomes(report):
        counted[_case(suite, outcome, strict=strict)] += 1
    for number, fault in enumerate(report.crashed, 1):
        case = ET.SubElement(suite, "testcase", classname="doorward.check", name=f"examination {number}", time="0")
        ET.SubElement(case, "error", message=_legal(fault), type="fault")
        counted["error"] += 1
    totals = {
        "tests": str(counted.total()),
        "failures": str(counted["failure"]),
        "errors": str(counted["error"]),
        "skipped": str(counted["skipped"]),
        "time": "0",
    }
    suite.attrib |= totals
    suites = ET.Element("testsuites", {"name": "doorward check", **totals})
    suites.append(suite)
    ET.indent(suites, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _case(suite: ET.Element, outcome: Outcome, *, strict: bool) -> str:
    """Add the case of a rule, and return its outcome."""
    rule, finding = outcome.rule, outcome.finding
    case = ET.SubElement(
        suite, "testcase", classname=f"doorward.check.{rule.stage}", name=f"{rule.id} {rule.title}", time="0"
    )
    if outcome.kind == "skipped":
        ET.SubElement(case, "skipped", message=_legal(outcome.why))
        return "skipped"
    if finding is None:
        return "passed"
    if fails(finding, strict=strict):
        element = ET.SubElement(case, "failure", message=_legal(finding.summary), type=weight(finding))
        element.text = _legal(_text(finding))
        return "failure"
    ET.SubElement(case, "system-out").text = _legal(_text(finding))
    return "passed"


def _text(finding: Finding) -> str:
    also = [f"Explains as well: {', '.join(finding.explains)}"] if finding.explains else []
    lines = [f"{finding.summary} {who_is_stopped(finding)}", "", *finding.evidence, "", f"Fix: {finding.fix}"]
    return "\n".join([*lines, f"{finding.spec}; more: doorward explain {finding.rule}", *also])


def _legal(text: str) -> str:
    return _ILLEGAL.sub("?", text)
