"""The port to the other workers of this installation."""

from __future__ import annotations

from typing import Protocol

from doorward.upstreams.port import Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]
"""Headers with lower-case names, as in ASGI."""


class Peers(Protocol):
    """The other workers that serve the same doors."""

    async def forward(self, worker_id: str, scope: Scope, body: bytes, receive: Receive, send: Send) -> bool:
        """Let another worker answer the original request, whose body was already read.

        Returns False, with nothing sent, if that worker is gone. Raises if the worker fails after it started to answer.
        """
        ...
