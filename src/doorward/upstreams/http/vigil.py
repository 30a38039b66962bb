"""Watches one exchange with a remote upstream for a client that leaves and an upstream that stops answering.

A request that is answered quickly costs no timer: all recent vigils of an upstream share one. Only if the response
takes longer, a task starts to listen for the client's disconnect, which closes the upstream connection. In the modern
era that is the cancellation.

Spec: MCP 2026-07-28 basic/utilities/cancellation.
"""

from __future__ import annotations

import asyncio

from doorward.errors import UpstreamError
from doorward.upstreams.http.exchange import Exchange
from doorward.upstreams.port import Receive

LISTEN_AFTER_SECONDS = 0.05
"""Seconds. The first look comes after one to two of these intervals."""


class Vigils:
    """The vigils of one upstream. One timer runs while there are recent ones."""

    __slots__ = ("_before", "_lately", "_loop", "_round_seconds", "_timer", "timeout_seconds")

    def __init__(self, timeout_seconds: float) -> None:
        self.timeout_seconds = timeout_seconds
        self._round_seconds = min(LISTEN_AFTER_SECONDS, timeout_seconds)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._lately: set[Vigil] = set()
        """Started in this round."""
        self._before: set[Vigil] = set()
        """Started in the previous round, and due at the end of this one."""

    def begin(self, receive: Receive) -> Vigil:
        """Return a vigil over a request that starts now."""
        loop = self._loop
        if loop is None or self._timer is None:
            loop = self._loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._round_seconds, self._go_round)
        vigil = Vigil(loop, receive, self)
        self._lately.add(vigil)
        return vigil

    def forget(self, vigil: Vigil) -> None:
        """Stop watching this one."""
        self._lately.discard(vigil)
        self._before.discard(vigil)

    def stop(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go_round(self) -> None:
        due, self._before, self._lately = self._before, self._lately, set()
        self._timer = None
        if self._before and self._loop is not None:
            self._timer = self._loop.call_later(self._round_seconds, self._go_round)
        for vigil in due:
            vigil.look()


class Vigil:
    """Watches client and upstream until `end`."""

    __slots__ = (
        *("_exchange", "_listener", "_loop", "_receive", "_silence_allowed", "_timeout", "_timer", "_vigils"),
        "client_gone",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, receive: Receive, vigils: Vigils) -> None:
        self._loop = loop
        self._receive = receive
        self._vigils = vigils
        self._timeout = vigils.timeout_seconds
        self._exchange: Exchange | None = None
        self._listener: asyncio.Task[None] | None = None
        self._silence_allowed = False
        self.client_gone = False
        self._timer: asyncio.TimerHandle | None = None
        """Its own timer, from the first look on."""

    def watch(self, exchange: Exchange) -> None:
        """Watch this exchange from now on."""
        self._exchange = exchange
        if self.client_gone:
            exchange.fail(_gone())

    def allow_silence(self) -> None:
        """Set no limit for the silence of a stream that may be idle for hours."""
        self._silence_allowed = True

    def end(self) -> None:
        """Stop watching."""
        self._vigils.forget(self)
        if self._timer is not None:
            self._timer.cancel()
        self._exchange = None
        if self._listener is not None:
            self._listener.cancel()

    def look(self) -> None:
        """Start to listen for the client, and abort if the upstream's time is over; schedule the next look."""
        if self._listener is None:
            self._listener = self._loop.create_task(self._listen())
        if self._silence_allowed:
            return
        wait = self._timeout
        exchange = self._exchange
        if exchange is not None and not exchange.reading_paused:
            # A head must be complete in time, however its bytes trickle in; a body only needs progress.
            since = exchange.active_at if exchange.head_complete else exchange.sent_at
            wait = since + self._timeout - self._loop.time()
            if wait <= 0:
                exchange.fail(
                    UpstreamError("timeout", f"The MCP server did not answer within {self._timeout:g} seconds.")
                )
                return
        self._timer = self._loop.call_later(wait, self.look)

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.client_gone = True
        if self._exchange is not None:
            self._exchange.fail(_gone())


def _gone() -> UpstreamError:
    return UpstreamError("reset", "The client has gone.")
