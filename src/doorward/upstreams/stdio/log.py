"""A child's output that is not messages, made safe for the log: standard error, and noise on standard output.

It checks the rate first, so that a flood only costs counting line breaks. It keeps the last lines for a crash report.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final

from doorward.logs import log, redact

_log = logging.getLogger("doorward.upstreams.stdio.child")

_LINES_PER_SECOND: Final = 50
_LINE_BYTES: Final = 2000
_LAST_WORDS: Final = 5
_TAIL_BYTES: Final = 8192


class ChildLog:
    """The log of one child."""

    def __init__(self, pid: Callable[[], int]) -> None:
        self._pid = pid
        self._loop = asyncio.get_running_loop()
        self._partial = b""
        self._said: deque[bytes] = deque(maxlen=_LAST_WORDS)
        self._second = 0
        self._logged = 0
        self._dropped = 0

    @property
    def is_full(self) -> bool:
        """Whether further lines are only counted now."""
        self._tick()
        return self._logged >= _LINES_PER_SECOND

    def hear(self, data: bytes) -> None:
        """Handle a chunk of standard error."""
        data = self._partial + data
        end = data.rfind(b"\n") + 1
        self._partial = data[end:]
        position = 0
        while position < end and not self.is_full:
            line_end = data.index(b"\n", position)
            self._say(data[position:line_end])
            position = line_end + 1
        if position < end:
            self._dropped += data.count(b"\n", position, end)
            self._remember(data[max(position, end - _TAIL_BYTES) : end])
        if len(self._partial) > _LINE_BYTES:
            self._say(self._partial)
            self._partial = b""

    def note(self, event: str, line: bytes) -> None:
        """Log a line of standard output."""
        if self.is_full:
            self._dropped += 1
        else:
            self._logged += 1
            log(_log, logging.INFO, event, line=_shown(line), pid=self._pid())

    def drop(self, lines: int) -> None:
        """Count lines that were skipped unseen."""
        self._dropped += lines

    def close(self) -> None:
        """Log what remains."""
        if self._partial.strip():
            self._say(self._partial)
        self._partial = b""
        self._report_dropped()

    def last_words(self) -> str:
        """Return the last lines of standard error, safe to print."""
        return "\n".join(_shown(line) for line in self._said)

    def _say(self, line: bytes) -> None:
        self._logged += 1  # blank lines count too: a flood of them must end as well
        if line.strip():
            self._said.append(line[:_LINE_BYTES])
            log(_log, logging.INFO, "the server says", line=_shown(line), pid=self._pid())

    def _remember(self, data: bytes) -> None:
        for line in data.rsplit(b"\n", _LAST_WORDS + 1)[1:]:
            if line.strip():
                self._said.append(line[:_LINE_BYTES])

    def _tick(self) -> None:
        second = int(self._loop.time())
        if second != self._second:
            self._second, self._logged = second, 0
            self._report_dropped()

    def _report_dropped(self) -> None:
        if self._dropped:
            log(_log, logging.WARNING, "lines of the server were not logged", lines=self._dropped, pid=self._pid())
            self._dropped = 0


def _shown(line: bytes) -> str:
    text = line[:_LINE_BYTES].decode("utf-8", "replace").rstrip()
    return redact("".join(c if c.isprintable() else repr(c)[1:-1] for c in text))
