"""The headers that every answer outside the doors has; a door adds its own (`door/door.py`)."""

from __future__ import annotations

from starlette.types import Message, Send


def with_request_id(send: Send, identifier: str) -> Send:
    """Return a `send` that names the request in `X-Request-Id`, as the log does; who reports a fault can quote it."""
    header = (b"x-request-id", identifier.encode("ascii"))

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), header]}
        await send(message)

    return sending
