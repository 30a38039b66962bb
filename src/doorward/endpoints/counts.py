"""What `/metrics` tells: which count of which part of the process goes by which name.

Counting itself is an addition where the thing happens; here it is only read.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version

from doorward.audit.log import AuditLog
from doorward.authority.authority import Authority
from doorward.endpoints.metrics import Family, status_class


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The counts of one process."""

    started_at: int
    requests: Mapping[tuple[str, int, str, str], int]
    """At the door: how they ended, status, era, and the reason of a refusal."""
    standing: Callable[[], int]
    answers: Mapping[tuple[str, str, str], int]
    """Of everything else: endpoint, method and status."""
    audit: AuditLog
    authority: Authority

    def families(self) -> Iterator[Family]:
        """Yield everything, in a fixed order."""
        yield Family(
            "doorward_build_info",
            "gauge",
            "What runs here.",
            [({"version": version("doorward"), "python": platform.python_version()}, 1)],
        )
        yield Family(
            "process_start_time_seconds", "gauge", "When the door was opened, in Unix time.", [({}, self.started_at)]
        )
        yield Family(
            "doorward_requests_total",
            "counter",
            "Requests at the door, by how they ended.",
            [
                ({"outcome": outcome, "status": status_class(status), "era": era, "reason": reason}, count)
                for (outcome, status, era, reason), count in sorted(self.requests.items())
            ],
        )
        yield Family("doorward_open_streams", "gauge", "Standing streams that are open.", [({}, self.standing())])
        yield Family(
            "doorward_answers_total",
            "counter",
            "Answers of everything but the door, by endpoint.",
            [
                ({"endpoint": endpoint, "method": method, "status": status}, count)
                for (endpoint, method, status), count in sorted(self.answers.items())
            ],
        )
        yield Family(
            "doorward_token_requests_granted_total",
            "counter",
            "Token requests that were granted.",
            [({"grant_type": name}, count) for name, count in sorted(self.authority.granted.items())],
        )
        yield Family(
            "doorward_sign_ins_total",
            "counter",
            "Sign-ins of people, by how they ended.",
            [({"outcome": name}, count) for name, count in sorted(self.audit.sign_ins.items())],
        )
