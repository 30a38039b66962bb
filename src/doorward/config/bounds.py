"""The bounds of an integer setting, defined once on its field for loader, JSON Schema and reference page."""

from __future__ import annotations

from dataclasses import dataclass

from doorward.config.faults import Fault

HIGHEST_PORT = 65535
MEBIBYTE = 1024 * 1024
MOST_BYTES = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Within:
    """Both ends are allowed; `why` is a sentence for people who exceed the limit."""

    low: int
    high: int
    why: str

    def check(self, value: int) -> None:
        """Check a value. Raises `Fault` if it is out of range."""
        if not self.low <= value <= self.high:
            raise Fault(f"{value} is out of range", self.why, f"Write a number from {self.low} to {self.high}.")
