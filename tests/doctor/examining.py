"""Examine a server of the test bed in memory, past its sign-in."""

from __future__ import annotations

from doorward.doctor.engine.check import Finding, Picture
from doorward.doctor.engine.run import Report, examine
from testbed.good import ORIGIN, Good

URL = f"{ORIGIN}/mcp"


async def signed_in(server: Good, **picture) -> Report:
    """Examine with a person there, and with whatever else the picture is to hold."""
    return await examine(Picture(URL, **{"may_sign_in": True, **picture}), server.send, sign_in=server.person)


def only(report: Report) -> Finding:
    """Return the one finding of a report."""
    assert not report.crashed
    [finding] = report.findings
    return finding


def rules_of(report: Report) -> list[str]:
    """Return the rules that were found."""
    assert not report.crashed
    return [finding.rule for finding in report.findings]
