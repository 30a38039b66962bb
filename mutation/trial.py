"""One trial of a mutant, and its outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["killed", "survived", "broken", "timed out", "no tests", "tests fail without it"]


@dataclass(frozen=True, slots=True)
class Trial:
    """One mutant, and the tests that should fail with it. Without a path it is the source as it is."""

    name: str
    arguments: tuple[str, ...]
    path: str = ""
    mutated: str = ""
    seconds: float = 120
    note: str = ""
    """What a table shows below the name of a survivor."""


@dataclass(frozen=True, slots=True)
class Result:
    """How one trial ended."""

    trial: Trial
    outcome: Outcome
    seconds: float
    output: str
