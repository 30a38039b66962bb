"""An HTTP upstream in front of a server that a test wrote."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from upstreams.recorder import ask, call
from upstreams.servers import Handler, Visit, hostile

from doorward.errors import UpstreamError
from doorward.upstreams.http.upstream import HttpUpstream

TOOL_CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "add", "arguments": {"a": 1}}}
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
RESULT = b'{"jsonrpc":"2.0","id":1,"result":{}}'


@asynccontextmanager
async def upstream_at(port: int, path: str = "/mcp", **settings: Any) -> AsyncIterator[HttpUpstream]:
    upstream = HttpUpstream(f"http://127.0.0.1:{port}{path}", **{"timeout_seconds": 30, **settings})
    await upstream.start()
    try:
        yield upstream
    finally:
        await upstream.stop()


@asynccontextmanager
async def in_front_of(handler: Handler, **settings: Any) -> AsyncIterator[HttpUpstream]:
    async with hostile(handler) as port, upstream_at(port, **settings) as upstream:
        yield upstream


async def serve_result(visit: Visit) -> None:
    while True:
        await visit.request()
        await visit.answer(RESULT)


async def fault_of(upstream: HttpUpstream, request: Any = None) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await ask(upstream, request or call(LIST))
    return caught.value
