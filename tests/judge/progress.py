"""How far a run is, and when it will be over: one line now and then, for a person who waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

EVERY_SECONDS = 30.0
T = TypeVar("T")


class Progress:
    """Counts what is done; `say` gets a line at most every `every_seconds`. Without `say` it only counts."""

    def __init__(
        self,
        name: str,
        total: int,
        say: Callable[[str], None] | None = None,
        *,
        every_seconds: float = EVERY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self.total, self.done = name, total, 0
        self._say, self._every_seconds, self._clock = say, every_seconds, clock
        self._began = self._said_at = clock()
        self._begun_with = 0

    def through(self, items: Sequence[T]) -> Iterator[T]:
        """Return the items one by one, and count each when the next one is asked for."""
        self.total = len(items)
        for item in items:
            yield item
            self.advance()

    def advance(self, steps: int = 1) -> None:
        """Count steps that are done."""
        self.done += steps
        if self._say is None:
            return
        now = self._clock()
        if not self._begun_with:  # what came before the first step says nothing about the others
            self._began, self._said_at, self._begun_with = now, now, self.done
            return
        if now - self._said_at < self._every_seconds:
            return
        self._said_at = now
        took = now - self._began
        left = max(self.total - self.done, 0) * took / (self.done - self._begun_with)
        self._say(f"{self.name}: {self.done:,} of {self.total:,} after {_minutes(took)}, about {_minutes(left)} to go")


def _minutes(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60:02} s"
