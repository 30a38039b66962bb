"""Comments on a silent event stream, so that no proxy or client considers it dead.

It uses one timer per stream and no task while data flows; a task exists only while a comment is written. Comments are
written only between events, and the upstream's next bytes wait until they are out, so an event is never split. The
first one comes early, because some edges hold a response back until its first byte.

Spec: MCP 2026-07-28 basic/transports (keep-alive); WHATWG HTML s9.2.7.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

from doorward.mcp.sse import KEEP_ALIVE, EventTracker
from doorward.upstreams.port import Message, Send

FIRST_SECONDS: Final = 1.0
EVERY_SECONDS: Final = 15.0


class Scheduler(Protocol):
    """The timer functions of an event loop."""

    def time(self) -> float:
        """Return monotonic seconds."""
        ...

    def call_later(self, delay: float, callback: Callable[[], None], /) -> Any:
        """Run `callback` after `delay` seconds; the result has `cancel()`."""
        ...


class KeptAliveStream:
    """Passes on the body of an event stream, and adds comments when it is silent."""

    __slots__ = ("_comment", "_is_sending", "_scheduler", "_send", "_spoke_at", "_timer", "_torn", "_tracker")

    def __init__(self, send: Send, scheduler: Scheduler) -> None:
        self._send = send
        self._scheduler = scheduler
        self._tracker = EventTracker()
        self._comment: asyncio.Task[None] | None = None
        self._is_sending = False
        self._torn = False
        """Whether a part of the body may have been sent only partly."""
        self._spoke_at: float | None = None
        self._timer = scheduler.call_later(FIRST_SECONDS, self._on_time)

    @property
    def at_boundary(self) -> bool:
        """Whether the bytes sent to the client end with an event."""
        return self._tracker.at_boundary and not self._torn

    async def send_body(self, message: Message) -> None:
        """Pass on the next part of the body."""
        if self._comment is not None:
            # Shielded: cancelling the caller must not split the comment.
            await asyncio.shield(self._comment)
        self._tracker.feed(message.get("body", b""))
        self._spoke_at = self._scheduler.time()
        self._is_sending = True
        try:
            await self._send(message)
        except BaseException:
            self._torn = True
            raise
        finally:
            self._is_sending = False

    def stop(self) -> None:
        """Stop writing comments; the stream has ended."""
        self._timer.cancel()
        if self._comment is not None:
            self._comment.cancel()

    def _on_time(self) -> None:
        now = self._scheduler.time()
        silent_since = self._spoke_at
        wait = EVERY_SECONDS
        if silent_since is None or now - silent_since >= EVERY_SECONDS:
            # A pending send means that the client reads slowly, not that the upstream is silent.
            if self._tracker.at_boundary and not self._is_sending and self._comment is None:
                self._comment = asyncio.ensure_future(self._write_comment())
                self._spoke_at = now
        else:
            wait = silent_since + EVERY_SECONDS - now
        self._timer = self._scheduler.call_later(wait, self._on_time)

    async def _write_comment(self) -> None:
        try:
            await self._send({"type": "http.response.body", "body": KEEP_ALIVE, "more_body": True})
        except OSError:
            # The client is gone; the upstream learns that separately.
            self._timer.cancel()
        finally:
            self._comment = None
