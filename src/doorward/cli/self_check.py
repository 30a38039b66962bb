"""The self-examination of `doorward serve` once its doors are open, and its findings.

On a terminal, findings are printed as `doorward check` prints them; elsewhere each is one log line. A door that cannot
be examined continues to serve.
"""

from __future__ import annotations

import logging
import sys

from doorward.app import Door
from doorward.errors import StorageError
from doorward.logs import log

LOGGER = logging.getLogger("doorward")


async def look(door: Door) -> None:
    """Examine the door at its public URL, and say what was found."""
    from doorward.doctor.report.formats import as_lines

    doors, upstreams = door.config.doors, door.upstreams  # others may be served by the time the reports are there
    try:
        reports = await door.examine()
    except StorageError as error:
        log(LOGGER, logging.WARNING, "self_check_failed", detail=str(error))
        return
    except Exception:
        LOGGER.exception("bug")  # no one awaits this task: without this line it would fail silently
        return
    for settings, upstream, report in zip(doors, upstreams, reports, strict=True):
        if report.findings and sys.stdout.isatty():
            print("\n".join(as_lines(report)), flush=True)
        for finding in report.findings:
            _log_finding(settings.name, finding.rule, finding.summary, finding.fix)
        # Only the app itself knows this: from outside, a path that serves nothing looks like a closed door.
        problem = upstream.problem
        if problem is not None:
            if sys.stdout.isatty():
                print(problem, flush=True)
            _log_finding(settings.name, "", problem.what, problem.fix)
        findings = len(report.findings) + (problem is not None)
        log(LOGGER, logging.INFO, "self_check", door=settings.name, findings=findings, more="doorward doors list")


def _log_finding(door: str, rule: str, summary: str, fix: str) -> None:
    log(LOGGER, logging.WARNING, "finding", door=door, rule=rule, summary=summary, fix=fix)
