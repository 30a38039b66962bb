"""Why a fetch from an address that someone else named failed."""

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
"""Faults that say nothing about the answer the address would have given."""


class FetchError(DoorwardError):
    """The fetch was refused or failed. The sentence is safe to show: it reveals nothing about internal networks."""

    def __init__(self, fault: FetchFault, sentence: str, *, status: int | None = None) -> None:
        self.fault: FetchFault = fault
        self.sentence = sentence
        self.status = status
        """The HTTP status, if that was the fault."""
        super().__init__(f"{fault}: {sentence}")

    @property
    def passing(self) -> bool:
        """Whether a retry may succeed, so that an older answer still counts."""
        return self.fault in PASSING or (self.status is not None and self.status >= 500)  # noqa: PLR2004
