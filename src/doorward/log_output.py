"""Log output: a thread writes the lines, so that a stalled reader blocks nothing.

A pipe that no one reads is full after 64 KiB, and then a write to it blocks. Anyone can make the door write log lines.
So a blocking write on the event loop would let an attacker stop the door. Lines are queued here instead, up to a limit.
Beyond it they are dropped, and the next line that gets through says how many.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque

LINES_LIMIT = 20_000
CLOSE_SECONDS = 1.0
"""How long the process waits at exit for unwritten lines."""


class OutputHandler(logging.Handler):
    """Writes to a file descriptor and never blocks the caller."""

    def __init__(self, descriptor: int, *, lines_limit: int = LINES_LIMIT) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._lines_limit = lines_limit
        self._waiting: deque[str] = deque()
        self._dropped = 0
        self._changed = threading.Condition()
        self._is_writing = False
        self._writer: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Format a record here, where its request is known, and queue it for the thread."""
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001  # a record that cannot be shown must not fail what it is about
            self.handleError(record)
            return
        with self._changed:
            if len(self._waiting) >= self._lines_limit:
                self._dropped += 1
                return
            if self._dropped:
                line += f"\n{self._format_dropped(record)}"
                self._dropped = 0
            self._waiting.append(line + "\n")
            if self._writer is None:
                # Start it only now: a process that forks after `configure` needs its own thread.
                self._writer = threading.Thread(target=self._write_lines, name="doorward-log", daemon=True)
                self._writer.start()
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until everything is written, but only briefly for a stalled reader."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._is_writing, CLOSE_SECONDS)

    def close(self) -> None:
        """Write the remaining lines, within the time limit."""
        self.flush()
        super().close()

    def _format_dropped(self, record: logging.LogRecord) -> str:
        lost = logging.LogRecord(record.name, logging.WARNING, "", 0, "log_lines_dropped", None, None)
        lost.__dict__["fields"] = {"lines": self._dropped, "reason": "nothing reads the log"}
        return self.format(lost)

    def _write_lines(self) -> None:
        while True:
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: bool(self._waiting))
                line = self._waiting.popleft()
                self._is_writing = True
            # One at a time: a short line arrives whole even if several processes write to one pipe.
            self._write(line.encode("utf-8", "backslashreplace"))

    def _write(self, data: bytes) -> None:
        # Bypass Python's own stream: this thread must not hold its lock when the interpreter exits.
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                threading.Event().wait(0.05)
            except OSError:  # the reader is gone
                return
