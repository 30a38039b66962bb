"""The id of each request, for the log and the header `X-Request-Id`."""

from __future__ import annotations

from itertools import count


class RequestIds:
    """Generates the ids of one process.

    They must be unique, not secret: a random start and a counter avoid a system call for each request.
    """

    def __init__(self, start: bytes) -> None:
        self._start = start.hex()
        self._numbers = count(1)

    def next(self) -> str:
        """Return an id that was not returned before."""
        return f"{self._start}{next(self._numbers):06x}"
