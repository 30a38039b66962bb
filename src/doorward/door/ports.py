"""What the data path asks of others: the other workers of this installation."""

from __future__ import annotations

from typing import Protocol

from doorward.upstreams.port import Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]
"""Header lines with lower-case names, as ASGI has them."""


class Peers(Protocol):
    """The other workers that serve the same doors."""

    async def forward(self, worker_id: str, scope: Scope, body: bytes, receive: Receive, send: Send) -> bool:
        """Let another worker answer the original request, whose body was already read.

        Returns False, with nothing sent, when that worker is gone. Raises when the worker fails after it began to
        answer.
        """
        ...
