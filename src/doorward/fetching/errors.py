"""Why nothing came back from an address that somebody else named."""

from __future__ import annotations

from typing import Literal

from doorward.errors import DoorwardError

FetchFault = Literal[
    "url",
    "blocked_address",
    "unresolved",
    "unreachable",
    "tls",
    "timeout",
    "too_large",
    "redirect",
    "malformed",
    "media_type",
    "status",
    "busy",
]

PASSING: frozenset[FetchFault] = frozenset({"unresolved", "unreachable", "timeout", "busy"})
"""Faults that say nothing about what the address would have answered."""


class FetchError(DoorwardError):
    """The fetch was refused or failed. The sentence is safe to show: it never says what an inner network holds."""

    def __init__(self, fault: FetchFault, sentence: str, *, status: int | None = None) -> None:
        self.fault: FetchFault = fault
        self.sentence = sentence
        self.status = status
        """The HTTP status, where that was the fault."""
        super().__init__(f"{fault}: {sentence}")

    @property
    def passing(self) -> bool:
        """Whether another try may well succeed, so an older answer still stands."""
        return self.fault in PASSING or (self.status is not None and self.status >= 500)  # noqa: PLR2004
