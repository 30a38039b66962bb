"""The outcome of requests: log lines and counters."""

from __future__ import annotations

import logging
from collections import defaultdict

from doorward.door.parts import Part, Served
from doorward.logs import log

LOGGER = logging.getLogger("doorward.door")

Outcome = tuple[str, int, str, str]
"""Outcome, status, era if known, and reason of a refusal: only words of ours."""
_REASONS = {
    400: "message",
    403: "origin",
    404: "session",
    405: "method",
    406: "accept",
    408: "slow_body",
    413: "too_large",
    415: "content_type",
    421: "host",
    429: "rate_limited",
}
"""The reason for each status of a refusal that is not about a credential."""


class DoorCounts:
    """The counters of one door in this process since its start."""

    def __init__(self) -> None:
        self.requests: defaultdict[Outcome, int] = defaultdict(int)
        self.standing = 0
        """Open streams that end only when the client leaves or the process stops."""

    def refused(self, part: Part, status: int, reason: str, *, counted: str = "") -> None:
        """Log a refusal, and count it under a reason that no client can choose."""
        self.requests["refused", status, part.era_name, counted or _REASONS.get(status, "other")] += 1
        log(LOGGER, logging.INFO, "refused", status=status, reason=reason, **_described(part))

    def failed(self, part: Part, outcome: str, status: int) -> None:
        """Count a request that failed without a refusal."""
        self.requests[outcome, status, part.era_name, ""] += 1

    def served(self, served: Served) -> None:
        """Count an upstream response, and log it if every request is logged."""
        part, status = served.request, served.status
        self.requests["served", status, part.era_name, ""] += 1
        if LOGGER.isEnabledFor(logging.DEBUG):
            log(LOGGER, logging.DEBUG, "served", status=status, era=part.era_name, **_described(part))


def _described(part: Part) -> dict[str, str | None]:
    caller = part.caller
    return {
        "method": part.exchange.scope["method"],
        "rpc_method": part.rpc_method,
        "user": None if caller is None else caller.user_id,
    }
