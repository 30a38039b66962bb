"""Where log lines leave the process: a thread writes them, so a reader that stops reading stops nothing.

A pipe that nobody drains is full after 64 KiB, and a write to it never returns. Anyone can make the door write lines,
so such a write on the event loop would let a stranger stop the door. Lines wait here instead, up to a limit. Beyond it
they are dropped, and the next line that gets through says how many.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque

LINES_LIMIT = 20_000
CLOSE_SECONDS = 1.0
"""How long the end of the process waits for lines that have not been written."""


class OutputHandler(logging.Handler):
    """Writes to a file descriptor without ever making the caller wait."""

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
        """Format a record here, where its request is known, and hand it to the thread."""
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
                # Started here and not before: a process that forks after `configure` has to have its own.
                self._writer = threading.Thread(target=self._write_lines, name="doorward-log", daemon=True)
                self._writer.start()
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until everything is written, but not for a reader that does not read."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._is_writing, CLOSE_SECONDS)

    def close(self) -> None:
        """Write what is left, within the time."""
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
            # One by one: a short line arrives whole, also where several processes write to one pipe.
            self._write(line.encode("utf-8", "backslashreplace"))

    def _write(self, data: bytes) -> None:
        # Past Python's own stream: its lock must not be held by this thread when the interpreter ends.
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                threading.Event().wait(0.05)
            except OSError:  # the reader is gone
                return
