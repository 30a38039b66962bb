"""The other worker processes of this installation, reached over sockets that only this account can open.

An `mcp_session` of an in-process app or a stdio child lives in the memory of one worker, while the kernel may give a
connection to any worker. The worker that gets the request forwards all of it, including the credential, and the
session's worker serves it as if it came from the client. It trusts the other worker only for the client's address,
which a local socket does not show.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from pathlib import Path

from doorward.errors import UpstreamError
from doorward.upstreams.exhaustion import exhausted, is_exhaustion
from doorward.upstreams.http.connection import Connection
from doorward.upstreams.http.exchange import Exchange
from doorward.upstreams.port import Receive, Scope, Send

CLIENT_ADDRESS = b"x-doorward-client"
"""Carries the client's address, between workers only; from anyone else it is dropped like any header."""
_UNKNOWN_OUTCOME = "The process that holds this session ended before it answered. It may have carried out the request."
_WORKER_ID = re.compile(r"[0-9a-f]{8}")
_OF_THE_HOP = frozenset(
    {b"connection", b"content-length", b"expect", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
    | {CLIENT_ADDRESS}
)


class WorkerPeers:
    """Forwards requests to the worker that holds their session."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def forward(self, worker_id: str, scope: Scope, body: bytes, receive: Receive, send: Send) -> bool:
        """Let that worker answer; return False, with nothing sent, if it is gone and cannot have run a call.

        False makes the client start a new session and repeat its call. So once a POST was written, every failure is a
        `reset`: the worker may have run the tool before it ended.

        Raises:
            UpstreamError: it ended after it got the request, or this worker can open no further connection.
        """
        connection = await self._connect(worker_id)
        if connection is None or not connection.alive:
            return False
        with connection.begin(_head(scope, body), body) as exchange:
            leaving = asyncio.create_task(_abort_when_left(receive, exchange), name="doorward-peer-watch")
            try:
                await exchange.head()
                await _answer(exchange, send)
            except UpstreamError as error:
                if leaving.done():  # the client went away
                    return True
                if exchange.head_complete:
                    raise
                if scope["method"] != "POST":  # a GET or DELETE runs nothing, and the session ended with its worker
                    return False
                raise UpstreamError("reset", _UNKNOWN_OUTCOME, evidence=error.fault) from error
            finally:
                leaving.cancel()
                with suppress(asyncio.CancelledError):
                    await leaving
        return True

    async def _connect(self, worker_id: str) -> Connection | None:
        if _WORKER_ID.fullmatch(worker_id) is None:
            return None
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_unix_connection(
                lambda: Connection(loop), str(self._directory / worker_id)
            )
        except OSError as error:
            if is_exhaustion(error):
                raise exhausted(error) from None
            return None
        return connection


def _head(scope: Scope, body: bytes) -> bytes:
    target: bytes = scope.get("raw_path") or scope["path"].encode()
    if scope["query_string"]:
        target += b"?" + scope["query_string"]
    lines = [b"%b %b HTTP/1.1\r\n" % (scope["method"].encode(), target)]
    lines += [b"%b: %b\r\n" % (name, value) for name, value in scope["headers"] if name not in _OF_THE_HOP]
    if client := scope.get("client"):
        lines.append(b"%b: %b\r\n" % (CLIENT_ADDRESS, client[0].encode("latin-1", "replace")))
    lines.append(b"content-length: %d\r\n\r\n" % len(body))
    return b"".join(lines)


async def _answer(exchange: Exchange, send: Send) -> None:
    chunked = (b"connection", b"transfer-encoding", b"keep-alive", b"date")
    headers = [(name, value) for name, value in exchange.headers if name not in chunked]
    await send({"type": "http.response.start", "status": exchange.status, "headers": headers})
    more = True
    while more:
        data = await exchange.read()
        more = not exchange.complete
        await send({"type": "http.response.body", "body": data, "more_body": more})


async def _abort_when_left(receive: Receive, exchange: Exchange) -> None:
    """Close the connection to the session's worker when the client leaves, so that it learns of that."""
    while (await receive())["type"] != "http.disconnect":
        pass
    exchange.fail(UpstreamError("reset", "The client went away."))
