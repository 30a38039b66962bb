"""What the door refuses, told to the audit log: how often for which reason, once in a while.

A request without a token is how every client begins, so it is not told. Everything else is: a token that is unknown,
over or for somewhere else, a scope that is missing, a foreign web page. Counted, because anybody can cause any number.
"""

from __future__ import annotations

from collections.abc import Callable

from doorward.audit.events import AuditEvent
from doorward.oauth.errors import Reason
from doorward.upkeep import every

TELL_EVERY_SECONDS = 300
_ROUTINE = frozenset({Reason.NO_TOKEN, Reason.PROOF_NONCE})
EVENT = "door_refused"


class Refusals:
    """Counts the refusals of one process; there are only so many doors and reasons."""

    def __init__(self, write: Callable[[AuditEvent], None]) -> None:
        self._write = write
        self._counted: dict[tuple[str, str], tuple[int, str]] = {}

    def add(self, reason: str, address: str, *, door: str) -> None:
        """Count one; of those of a reason at a door, the address of the first is kept."""
        if reason not in _ROUTINE:
            count, first = self._counted.get((door, reason), (0, address))
            self._counted[door, reason] = (count + 1, first)

    def tell(self) -> None:
        """Write down what was counted since the last time."""
        counted, self._counted = self._counted, {}
        for (door, reason), (count, address) in counted.items():
            # No `refused` outcome: those are folded once more, and the counts would be lost.
            detail = {"door": door, "count": str(count), "first_address": address}
            self._write(AuditEvent(event=EVENT, outcome="denied", reason=reason, detail=detail))

    async def tell_regularly(self) -> None:
        """Write it down every few minutes, until cancelled."""
        await every(TELL_EVERY_SECONDS, self._tell, delayed="refusals_delayed")

    async def _tell(self) -> None:
        self.tell()
