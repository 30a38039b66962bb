"""An HTTP upstream that does with each request what its plan says: the honest answers, and the redirects before them.

What it breaks on purpose is in `odd_answers.py`. It notes which requests it ran, and when it closed a connection that
had answered.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

from judge.traffic.history import Recorder
from judge.traffic.plans import Plan, result_of

PATH = "/mcp"
LINE_LIMIT_BYTES = 1 << 20
CHUNK_BYTES = 65536


@dataclass
class Request:
    """One request as it arrived, and the way back."""

    target: str
    tag: str
    rpc_id: Any
    plan: Plan
    times: int
    """How often this request has arrived, this time included."""
    progress_token: Any
    writer: asyncio.StreamWriter
    recorder: Recorder
    begin: Callable[[], asyncio.Event]
    """Note that a large answer begins; return what to set when it is over."""

    def message(self) -> bytes:
        """Return the honest answer. A target that was meant for another request shows in it."""
        result = result_of(self.tag, self.plan)
        meant_for = parse_qs(urlsplit(self.target).query).get("affinity", [self.tag])[0]
        if meant_for != self.tag:
            result["at"] = f"<{meant_for}>"
        return json.dumps({"jsonrpc": "2.0", "id": self.rpc_id, "result": result}).encode()

    def page(self, size: int = 3) -> bytes:
        """Return a text that shows whose it is."""
        return f"<{self.tag}>".encode() * size

    def ran(self) -> None:
        """Note that the work was done."""
        self.recorder.note("ran", self.tag)

    async def write(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)
        await self.writer.drain()


def head(status: str, *fields: str, length: int | None = None) -> bytes:
    """Return the head of an answer."""
    lines = [f"HTTP/1.1 {status}", *fields, *([] if length is None else [f"content-length: {length}"])]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """Return one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(message: dict[str, Any] | bytes) -> bytes:
    """Return one event of a stream."""
    text = message if isinstance(message, bytes) else json.dumps(message).encode()
    return b"event: message\ndata: " + text + b"\n\n"


JSON = "content-type: application/json"
STREAM = "content-type: text/event-stream"
CHUNKED = "transfer-encoding: chunked"
LAST_CHUNK = b"0\r\n\r\n"


class Upstream:
    """A server on a free port of this machine."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.large: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        """The large answers by request: set when one is over, or its connection closed."""
        self.begun = asyncio.Semaphore(0)
        """Released with each large answer that begins."""
        self._begun: list[asyncio.Event] = []
        self._arrived: dict[str, int] = {}
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> str:
        """Listen, and return the address."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=LINE_LIMIT_BYTES)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}{PATH}"

    async def stop(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; return whether the connection may carry another."""
        text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(text.partition("content-length:")[2].partition("\r\n")[0] or 0)
        message = json.loads(await reader.readexactly(length) or b"{}")
        given = message.get("params", {}).get("arguments")
        if given is None:  # a cancellation, or the door's own question
            await _send(writer, head("202 Accepted", length=0))
            return True
        times = self._arrived[given["tag"]] = self._arrived.get(given["tag"], 0) + 1
        token = message["params"].get("_meta", {}).get("progressToken")
        request = Request(
            target=text.split(" ", 2)[1],
            tag=given["tag"],
            rpc_id=message["id"],
            plan=given["plan"],
            times=times,
            progress_token=token,
            writer=writer,
            recorder=self.recorder,
            begin=partial(self._begin_large, given["tag"]),
        )
        if request.plan.get("odd"):
            from judge.traffic.odd_answers import ODD

            return await ODD[request.plan["odd"]](request)
        if request.plan.get("via") and times == 1:
            await redirect(request, request.plan["via"])
            return True
        request.ran()
        await answer(request)
        return True

    def _begin_large(self, tag: str) -> asyncio.Event:
        self.begun.release()
        self._begun.append(self.large[tag])
        return self.large[tag]

    async def all_let_go(self, within_seconds: float) -> None:
        """Wait until no large answer is under way, but not for longer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_seconds):
                for over in tuple(self._begun):
                    await over.wait()


async def answer(request: Request) -> None:
    """Give the honest answer, in the shape and the pieces of the plan."""
    plan = request.plan
    await pause(plan.get("wait_ms", 0))
    message = request.message()
    if plan.get("shape") == "sse":
        await request.write(head("200 OK", STREAM, CHUNKED))
        for number in range(plan.get("notes", 0)):
            params = {"progressToken": request.progress_token, "progress": number, "message": f"<{request.tag}>"}
            note = {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}
            await request.write(chunk(event(note)))
            await pause(plan.get("gap_ms", 0))
        await _in_pieces(request, event(message), chunked=True)
    elif plan.get("shape") == "chunked":
        await request.write(head("200 OK", JSON, CHUNKED))
        await _in_pieces(request, message, chunked=True)
    else:
        await request.write(head("200 OK", JSON, length=len(message)))
        await _in_pieces(request, message, chunked=False)


async def _in_pieces(request: Request, data: bytes, *, chunked: bool) -> None:
    pieces = request.plan.get("pieces", 1)
    step = max(-(-len(data) // pieces), 1)
    for start in range(0, len(data), step):
        piece = data[start : start + step]
        for at in range(0, len(piece), CHUNK_BYTES):
            part = piece[at : at + CHUNK_BYTES]
            await request.write(chunk(part) if chunked else part)
        if start + step < len(data):
            await pause(request.plan.get("gap_ms", 0))
    if chunked:
        await request.write(LAST_CHUNK)


async def redirect(request: Request, via: str) -> None:
    """Send the request to the other spelling of its path, with a body as frameworks do."""
    path = urlsplit(request.target).path
    other = path[:-1] if path.endswith("/") else f"{path}/"
    status, _, kind = via.partition("-")
    query = f"?affinity={request.tag}" if kind == "query" else ""
    location = f"location: {other}{query}"
    page = request.page()
    if kind == "chunked":
        await request.write(head(f"{status} Redirect", location, CHUNKED) + chunk(page) + LAST_CHUNK)
    elif kind == "plain":
        await request.write(head(f"{status} Redirect", location, length=0))
    else:
        await request.write(head(f"{status} Redirect", location, "content-type: text/html", length=len(page)) + page)


async def pause(milliseconds: float) -> None:
    """Wait."""
    if milliseconds:
        await asyncio.sleep(milliseconds / 1000)


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    with suppress(OSError):
        writer.write(data)
        await writer.drain()
