"""What `/metrics` tells: which count of which part of the process goes by which name.

Counting itself is an addition where the thing happens; here it is only read.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Protocol

from doorward.audit.log import AuditLog
from doorward.authority.authority import Authority
from doorward.endpoints.metrics import Family, status_class


class DoorCounted(Protocol):
    """What one door has counted."""

    @property
    def requests(self) -> Mapping[tuple[str, int, str, str], int]:
        """How they ended, status, era, and the reason of a refusal."""
        ...

    @property
    def standing(self) -> int:
        """How many standing streams are open."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The counts of one process."""

    started_at: int
    doors: Mapping[str, DoorCounted]
    """By the name of the door."""
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
        yield from self._of_doors()
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

    def _of_doors(self) -> Iterator[Family]:
        yield Family(
            "doorward_requests_total",
            "counter",
            "Requests at each door, by how they ended.",
            [
                ({"door": door, "outcome": outcome, "status": status, "era": era, "reason": reason}, count)
                for (door, outcome, status, era, reason), count in sorted(self._requests().items())
            ],
        )
        yield Family(
            "doorward_open_streams",
            "gauge",
            "Standing streams that are open.",
            [({"door": name}, door.standing) for name, door in self.doors.items()],
        )

    def _requests(self) -> Counter[tuple[str, str, str, str, str]]:
        """Add up the statuses of a class: two series of one name would hide each other."""
        found: Counter[tuple[str, str, str, str, str]] = Counter()
        for name, door in self.doors.items():
            for (outcome, status, era, reason), count in door.requests.items():
                found[name, outcome, status_class(status), era, reason] += count
        return found
