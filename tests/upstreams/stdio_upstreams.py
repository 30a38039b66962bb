"""A stdio upstream around the scripted server, or around any other Python command."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from upstreams.recorder import INITIALIZE, INITIALIZED, ask, call, modern

from doorward.errors import UpstreamError
from doorward.upstreams.port import Caller
from doorward.upstreams.stdio.upstream import StdioUpstream

SCRIPT = str(Path(__file__).with_name("scripted_server.py"))


@asynccontextmanager
async def running(*arguments: str, **settings: Any) -> AsyncIterator[StdioUpstream]:
    upstream = StdioUpstream([sys.executable, *arguments], **settings)
    await upstream.start()
    try:
        yield upstream
    finally:
        await upstream.stop()


def scripted(era: str, **settings: Any) -> Any:
    return running(SCRIPT, era, **settings)


def tool(name: str, rpc_id: Any = 1, meta: Any = None, **arguments: Any) -> dict[str, Any]:
    params = {"name": name, "arguments": arguments, **({"_meta": meta} if meta else {})}
    return {"jsonrpc": "2.0", "id": rpc_id, "method": "tools/call", "params": params}


def modern_tool(name: str, rpc_id: Any = 1, meta: Any = None, **arguments: Any) -> Any:
    return modern("tools/call", {"name": name, "arguments": arguments}, rpc_id=rpc_id, meta=meta)


async def open_session(upstream: StdioUpstream, who: Caller | None = None, **rest: Any) -> str:
    opened = await ask(upstream, call({**INITIALIZE, **rest}, who=who))
    assert opened.status == 200
    session = opened.headers[b"mcp-session-id"].decode()
    noted = await ask(upstream, call(INITIALIZED, session=session))
    assert (noted.status, noted.body) == (202, b"")
    return session


async def gone(pid: int) -> None:
    """Wait until the process has ended; fails after a while."""
    try:
        await asyncio.to_thread(psutil.Process(pid).wait, 20)
    except psutil.NoSuchProcess:
        return


async def fault_of(upstream: StdioUpstream, request: Any) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await ask(upstream, request)
    return caught.value
