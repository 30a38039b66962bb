"""The metrics of `/metrics`: which counter of this process has which name.

Counters are incremented where the event happens; this module only reads them.
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
    """The counters of one door."""

    @property
    def requests(self) -> Mapping[tuple[str, int, str, str], int]:
        """By outcome, status, era, and the reason of a refusal."""
        ...

    @property
    def standing(self) -> int:
        """How many long-lived streams are open."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The counters of one process."""

    started_at: int
    doors: Mapping[str, DoorCounted]
    """By the name of the door."""
    answers: Mapping[tuple[str, str, str], int]
    """For everything else: by endpoint, method and status."""
    audit: AuditLog
    authority: Authority

    def families(self) -> Iterator[Family]:
        """Yield all metrics, in a fixed order."""
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
