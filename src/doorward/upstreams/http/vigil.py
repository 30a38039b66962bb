"""The watch over one exchange with a remote upstream: is the client still there, is the upstream still alive?

Costs one timer for a request that is answered at once. Only when the answer takes longer does a task start to listen
for the client's disconnect, which closes the upstream connection: in the modern era that is the cancellation.

Spec: MCP 2026-07-28 basic/utilities/cancellation.
"""

from __future__ import annotations

import asyncio

from doorward.errors import UpstreamError
from doorward.upstreams.http.exchange import Exchange
from doorward.upstreams.port import Receive

LISTEN_AFTER_SECONDS = 0.05


class Vigil:
    """Watches client and upstream until `end`."""

    __slots__ = (
        "_exchange",
        "_listener",
        "_loop",
        "_receive",
        "_silence_allowed",
        "_timeout",
        "_timer",
        "client_gone",
    )

    def __init__(self, receive: Receive, timeout_seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._receive = receive
        self._timeout = timeout_seconds
        self._exchange: Exchange | None = None
        self._listener: asyncio.Task[None] | None = None
        self._silence_allowed = False
        self.client_gone = False
        self._timer = self._loop.call_later(min(LISTEN_AFTER_SECONDS, timeout_seconds), self._look)

    def watch(self, exchange: Exchange) -> None:
        """Watch this exchange from now on."""
        self._exchange = exchange
        if self.client_gone:
            exchange.fail(_gone())

    def allow_silence(self) -> None:
        """Set no limit to the silence of a stream that may have nothing to say for hours."""
        self._silence_allowed = True

    def end(self) -> None:
        """Stop watching."""
        self._timer.cancel()
        self._exchange = None
        if self._listener is not None:
            self._listener.cancel()

    def _look(self) -> None:
        if self._listener is None:
            self._listener = self._loop.create_task(self._listen())
        if self._silence_allowed:
            return
        wait = self._timeout
        exchange = self._exchange
        if exchange is not None and not exchange.reading_paused:
            # A head has to be whole in time, however many bytes trickle in; a body only has to move on.
            since = exchange.active_at if exchange.head_complete else exchange.sent_at
            wait = since + self._timeout - self._loop.time()
            if wait <= 0:
                exchange.fail(
                    UpstreamError("timeout", f"The MCP server did not answer within {self._timeout:g} seconds.")
                )
                return
        self._timer = self._loop.call_later(wait, self._look)

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.client_gone = True
        if self._exchange is not None:
            self._exchange.fail(_gone())


def _gone() -> UpstreamError:
    return UpstreamError("reset", "The client has gone.")
