"""The history of the data path: every request with all that its client received, and the facts that others noted.

A request is named by its `id`. The upstream repeats that id as a tag, `<alice-17>`, in everything it says because of
the request. So every byte that reaches a client says whose it is.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

TAG = re.compile(rb"<([a-z]+-\d+)>")

Outcome = Literal["served", "fault", "cut", "late", "left"]


class Ask(msgspec.Struct, kw_only=True, omit_defaults=True, tag="ask"):
    """One request of one user."""

    id: str
    name: str
    """What was asked for, in a word."""
    user: str
    start: int
    end: int = 0
    """Monotonic nanoseconds, comparable between processes."""
    honest: bool = True
    """Whether it has to be served; False where its own user or its answer makes that impossible."""
    reads: bool = False
    """Whether the method changes nothing, so that it may be sent to the upstream a second time."""
    bar_ms: int = 0
    """Within this it must have an answer."""
    outcome: Outcome = "cut"
    """`left`: the client did not wait for the answer. `cut`: it did, and no whole answer came."""
    status: int = 0
    fault: str = ""
    tags: dict[str, int] = {}
    """Which requests the received bytes speak of, and how often."""
    strays: list[str] = []
    """Those of them in an answer or a progress event; a log line may speak of another request of the same user."""
    answers: int = 0
    """JSON-RPC responses in the answer."""
    strange_ids: int = 0
    """Those of them, and progress events, with an id or token that this request has not got."""
    excess_bytes: int = 0
    """What came after the end of the answer."""
    intact: bool = False
    """Whether the answer is the one that the upstream gives to this request, to the last byte."""


class Fact(msgspec.Struct, kw_only=True, omit_defaults=True, tag="fact"):
    """Something that the upstream, a child or the judge itself has seen."""

    name: Literal["ran", "closed", "died", "let_go", "held", "memory_mib", "tracebacks", "alive"]
    id: str = ""
    """The request it is about."""
    at: int = 0
    value: float = 0
    bar: float = 0


class Recorder:
    """Appends asks and facts to one file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")
        self._numbers = itertools.count(1)

    def next_id(self, user: str) -> str:
        """Return a new id for a request of a user."""
        return f"{user}-{next(self._numbers)}"

    def note(self, name: str, id_: str = "", *, value: float = 0, bar: float = 0) -> None:
        """Write down a fact of this moment."""
        self.write(Fact(name=name, id=id_, at=time.monotonic_ns(), value=value, bar=bar))

    def write(self, record: Ask | Fact) -> None:
        """Append one record."""
        self._file.write(msgspec.json.encode(record) + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read(paths: Iterable[Path]) -> tuple[list[Ask], list[Fact]]:
    """Read the histories of several processes. A last line that a crash cut short is left out."""
    decoder = msgspec.json.Decoder(Ask | Fact)
    found = [
        decoder.decode(line) for path in paths for line in path.read_bytes().splitlines(True) if line.endswith(b"\n")
    ]
    return [each for each in found if isinstance(each, Ask)], [each for each in found if isinstance(each, Fact)]
