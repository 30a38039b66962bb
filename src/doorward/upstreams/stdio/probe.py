"""The era of a command, probed with a child that is discarded afterwards.

Some legacy servers exit on a request before `initialize`, others never answer it. So a child that clients use must not
get that request.

Spec: MCP 2026-07-28 basic/lifecycle (dual-era); MCP 2025-11-25 basic/lifecycle.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Final

from doorward.errors import UpstreamError
from doorward.upstreams.port import Era
from doorward.upstreams.stdio.message import ChildMessage
from doorward.upstreams.stdio.modern import Spawn

_UNHEARD_SECONDS: Final = 2.0
"""After this silence, the server is also probed in the legacy way."""
_REAP_SECONDS: Final = 2.0
_MODERN_ERRORS: Final = frozenset({-32020, -32021, -32022})
_CLIENT: Final = {"name": "doorward", "version": "1"}
_META: Final = "io.modelcontextprotocol/"
_DISCOVER: Final = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "server/discover",
        "params": {
            "_meta": {
                f"{_META}protocolVersion": "2026-07-28",
                f"{_META}clientInfo": _CLIENT,
                f"{_META}clientCapabilities": {},
            }
        },
    }
).encode()
_INITIALIZE: Final = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 2,
        "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": _CLIENT},
    }
).encode()


async def probe(spawn: Spawn, timeout_seconds: float) -> Era:
    """Return the newest era that the command speaks.

    Raises:
        UpstreamError: `exited` if it exits on every probe, `timeout` if it never answers.
        OSError: it cannot be started.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            era = await _ask(spawn, _DISCOVER)
            return era or await _ask(spawn, _INITIALIZE) or "legacy"
    except TimeoutError:
        raise UpstreamError("timeout", f"The server's process did not answer within {timeout_seconds:g} s.") from None


async def _ask(spawn: Spawn, first: bytes) -> Era | None:
    """Return the era of the first response; None if the child exits on a request that legacy servers may not know."""
    heard: asyncio.Queue[ChildMessage | None] = asyncio.Queue()
    child = await spawn(heard.put_nowait, lambda: heard.put_nowait(None))
    try:
        child.send(first)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_UNHEARD_SECONDS):
                return _verdict(await _response(heard))
        child.send(_INITIALIZE)
        return _verdict(await _response(heard))
    except UpstreamError as error:
        if error.fault == "exited" and first is _DISCOVER:
            return None
        raise child.death() from None
    finally:
        child.kill()
        await asyncio.wait([child.ended], timeout=_REAP_SECONDS)


async def _response(heard: asyncio.Queue[ChildMessage | None]) -> ChildMessage:
    while (message := await heard.get()) is None or message.kind != "response":
        if message is None:
            raise UpstreamError("exited", "The server's process has ended.")
    return message


def _verdict(message: ChildMessage) -> Era:
    knows = message.error_code is None or message.error_code in _MODERN_ERRORS
    return "modern" if message.rpc_id in {1, "1"} and knows else "legacy"
