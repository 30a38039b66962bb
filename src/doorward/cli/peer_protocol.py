"""The connection of another worker, which passes on the request of a client that is connected to it.

It names the client's address, and limits itself how long that client may read nothing.
"""

from __future__ import annotations

from typing import Any

from doorward.cli.http_protocol import BoundedProtocol
from doorward.door.worker_peers import CLIENT_ADDRESS


class PeerProtocol(BoundedProtocol):
    """A connection from another worker, which names the client and limits how long that client may not read."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **{**more, "write_seconds": float("inf")})

    def on_header(self, name: bytes, value: bytes) -> None:
        """Handle a header; the client's address becomes the address of the request."""
        if name.lower() == CLIENT_ADDRESS and self._in_head:
            self.scope["client"] = (value.decode("latin-1"), 0)
        else:
            super().on_header(name, value)
