"""Counts the door's refusals by reason, and writes the counts to the audit log every few minutes.

A request without a token is how every client starts, so it is not reported. Everything else is: unknown or expired
tokens, tokens for another resource, missing scopes, foreign web pages. They are counted, because any client can cause
any number.
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
    """Counts the refusals of one process; the number of doors and reasons is fixed."""

    def __init__(self, write: Callable[[AuditEvent], None]) -> None:
        self._write = write
        self._counted: dict[tuple[str, str], tuple[int, str]] = {}

    def add(self, reason: str, address: str, *, door: str) -> None:
        """Count one refusal; for each reason at a door, keep the first address."""
        if reason not in _ROUTINE:
            count, first = self._counted.get((door, reason), (0, address))
            self._counted[door, reason] = (count + 1, first)

    def tell(self) -> None:
        """Write the counts since the last time to the audit log."""
        counted, self._counted = self._counted, {}
        for (door, reason), (count, address) in counted.items():
            # Not a `refused` outcome: those are folded once more, and the counts would be lost.
            detail = {"door": door, "count": str(count), "first_address": address}
            self._write(AuditEvent(event=EVENT, outcome="denied", reason=reason, detail=detail))

    async def tell_regularly(self) -> None:
        """Write the counts every few minutes, until cancelled."""
        await every(TELL_EVERY_SECONDS, self._tell, delayed="refusals_delayed")

    async def _tell(self) -> None:
        self.tell()
