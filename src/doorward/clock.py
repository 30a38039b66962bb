"""Time and randomness as ports, so that callers can pass both to decisions and tests.

Instants are integer seconds, UTC. Durations inside the process use the event loop's monotonic clock, because a wall
clock may jump.
"""

from __future__ import annotations

import secrets
import time
from typing import Protocol


class Clock(Protocol):
    """Returns the current time."""

    def now(self) -> int:
        """Return the current instant in whole seconds, UTC."""
        ...


class Entropy(Protocol):
    """Yields unguessable bytes."""

    def random_bytes(self, length: int) -> bytes:
        """Return `length` bytes fit for secrets."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Return the current instant in whole seconds, UTC."""
        return int(time.time())


class SystemEntropy:
    """The operating system's random generator."""

    def random_bytes(self, length: int) -> bytes:
        """Return `length` bytes fit for secrets."""
        return secrets.token_bytes(length)


class FixedClock:
    """A clock that moves only when it is set; for tests and for reproducing a reported instant."""

    def __init__(self, now: int = 1_800_000_000) -> None:
        self.at = now

    def now(self) -> int:
        """Return the instant it was set to."""
        return self.at

    def advance(self, seconds: int) -> None:
        """Move forward, or back if negative."""
        self.at += seconds


class CountingEntropy:
    """Distinct, predictable bytes: a big-endian counter. Never for a running server."""

    def __init__(self) -> None:
        self.count = 0

    def random_bytes(self, length: int) -> bytes:
        """Return the next counter value, padded to `length` bytes."""
        self.count += 1
        return self.count.to_bytes(length, "big")
