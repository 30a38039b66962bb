"""The history: every operation of every client, with when it began and ended and what came of it, one JSON line each.

An operation takes effect at one instant between its start and its end, or, when its outcome is unknown, at any later
time or never. Instants of this machine are monotonic nanoseconds, comparable between processes; `clock` is what the
doors' own clock showed at both ends. Secrets appear as digests only, so a history can be published.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

Outcome = Literal["ok", "refused", "unknown"]


class Operation(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One request to a door, one act of an administrator, or one fault."""

    id: str
    name: str
    start: int
    end: int = 0
    clock: tuple[int, int]
    outcome: Outcome = "unknown"
    status: int = 0
    """HTTP status; 0: there was no complete answer."""
    error: str = ""
    input: dict[str, str] = {}
    issued: dict[str, str] = {}
    hostile: bool = False
    """Nobody with a right to it asked, so any success is a break."""
    reached: bool = True
    """False: the request certainly never left, so it cannot have had an effect."""
    node: int = -1

    def ok(self, status: int = 200, **issued: str) -> None:
        """Note a success and what it gave."""
        self.outcome, self.status, self.issued = "ok", status, issued

    def refused(self, status: int, error: str) -> None:
        """Note a verdict."""
        self.outcome, self.status, self.error = "refused", status, error

    def unanswered(self, status: int = 0, error: str = "", *, reached: bool = True) -> None:
        """Note that nobody said what came of it: no answer, or an answer without a verdict."""
        self.outcome, self.status, self.error, self.reached = "unknown", status, error, reached


def digest(secret: str) -> str:
    """Return how a secret is named in a history: as the store names it."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Recorder:
    """Appends the operations of one process to one file."""

    def __init__(self, path: Path, clock: Callable[[], int]) -> None:
        self.path = path
        self.secrets: set[str] = set()
        """Everything that must not be found in any written byte; only ever in memory."""
        self._file = path.open("ab")
        self._clock = clock
        self._numbers = itertools.count(1)

    @contextmanager
    def operation(self, name: str, /, *, hostile: bool = False, **given: str) -> Iterator[Operation]:
        """Record what happens in the block. An outcome that nobody notes is unknown."""
        began = self._clock()
        operation = Operation(
            id=f"{os.getpid()}-{next(self._numbers)}",
            name=name,
            start=time.monotonic_ns(),
            clock=(began, began),
            input=given,
            hostile=hostile,
        )
        try:
            yield operation
        finally:
            operation.end = time.monotonic_ns()
            operation.clock = (began, self._clock())
            self._file.write(msgspec.json.encode(operation) + b"\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read(paths: Iterable[Path]) -> list[Operation]:
    """Read the histories of several processes, ordered by start. A last line cut short by a crash is left out."""
    decoder = msgspec.json.Decoder(Operation)
    found = [
        decoder.decode(line) for path in paths for line in path.read_bytes().splitlines(True) if line.endswith(b"\n")
    ]
    return sorted(found, key=lambda each: each.start)
