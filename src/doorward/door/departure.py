"""How an upstream learns that a call is over: the client has left, or this process is stopping.

Long-lived streams (the GET stream of a legacy session, `subscriptions/listen`) end only by such a signal, so a stopping
process sends it to them. Ordinary calls are left to finish.
"""

from __future__ import annotations

import asyncio

from doorward.upstreams.port import Message, Receive

_GONE: Message = {"type": "http.disconnect"}


class Departure:
    """The `receive` of one upstream call: it only reports the end."""

    __slots__ = ("_drain", "_receive", "client_left")

    def __init__(self, receive: Receive, drain: asyncio.Event | None) -> None:
        self._receive = receive
        self._drain = drain
        """Set only for long-lived streams."""
        self.client_left = False

    async def receive(self) -> Message:
        """Return `http.disconnect` when the call is over."""
        if self._drain is None:
            return await self._client_leaves()
        leaving = asyncio.ensure_future(self._client_leaves())
        draining = asyncio.ensure_future(self._drain.wait())
        try:
            await asyncio.wait((leaving, draining), return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            draining.cancel()
        return _GONE

    async def _client_leaves(self) -> Message:
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.client_left = True
                return _GONE

    @property
    def is_draining(self) -> bool:
        """Whether the process asked this stream to end."""
        return self._drain is not None and self._drain.is_set()
