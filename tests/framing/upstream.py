"""The server behind the door: it says who asked for what, keeps what it has seen, and answers oddly when asked to.

An odd answer is a list of steps, which is named in a field of the call. Bytes go out as they are.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from framing.verdict import ODD_ANSWER

Step = bytes | float | Literal["close", "abort", "end", "wait"]
"""Bytes to send; seconds to wait; `close` after what was sent; `abort` with a reset; `end` for this direction alone;
`wait` until the other side closes."""
Steps = Sequence[Step]
READ_EARLY: Final = b"early"
"""Odd answers whose names begin so are sent when the head has arrived, without a look at the body."""
_REDIRECT: Final = re.compile(rb"HTTP/[0-9.]+ *30[1278]")
SLOW_SECONDS: Final = 0.03


@dataclass(slots=True)
class Asked:
    """One request of the door."""

    head: bytes
    body: bytes
    tag: str
    user: str
    odd: str
    rpc_id: Any = None
    method: str = ""


def usual_answer(asked: Asked) -> bytes:
    """Return an answer that says who asked for what."""
    result = {"tag": asked.tag, "user": asked.user}
    body = json.dumps({"jsonrpc": "2.0", "id": asked.rpc_id, "result": result}).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


class Upstream:
    """What the server has seen, and how it answers."""

    def __init__(self, odd: Callable[[Asked], Steps | None]) -> None:
        self.odd = odd
        self.seen: Counter[tuple[str, str]] = Counter()
        self.faults: list[str] = []
        self.connections = 0
        self.port = 0
        self._people: dict[bytes, str] = {}

    def user_in(self, line: bytes) -> str:
        """Return the subject of the door's statement. It is not verified here: other tests do that."""
        known = self._people.get(line)
        if known is None:
            claims = line.split(b".")[1]
            known = str(json.loads(base64.urlsafe_b64decode(claims + b"=" * (-len(claims) % 4)))["sub"])
            self._people[line] = known
        return known

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[Upstream]:
        """Serve on a port of this machine until the block ends."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(self, loop), "127.0.0.1", 0, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    @property
    def url(self) -> str:
        """The address for the door."""
        return f"http://127.0.0.1:{self.port}/mcp"


class _Connection(asyncio.Protocol):
    """One connection of the door."""

    def __init__(self, upstream: Upstream, loop: asyncio.AbstractEventLoop) -> None:
        self._upstream, self._loop = upstream, loop
        self._buffer = b""
        self._transport: Any = None
        self._busy: asyncio.Task[None] | None = None
        self._lost = loop.create_future()
        self._skip = 0
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._upstream.connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._lost.done():
            self._lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        skipped = min(self._skip, len(data))
        self._skip -= skipped
        self._buffer += data[skipped:]
        self._go_on()

    def _go_on(self) -> None:
        while self._busy is None and self._buffer and not self._ended:
            asked = self._take()
            if asked is None:
                return
            steps = self._upstream.odd(asked) if asked.odd else None
            if asked.tag and not (steps and _redirects(steps)):
                self._upstream.seen[asked.user, asked.tag] += 1
            if steps is not None:
                self._busy = self._loop.create_task(self._play(steps))
                self._busy.add_done_callback(self._played)
            else:
                self._transport.write(usual_answer(asked))

    def _played(self, _: asyncio.Task[None]) -> None:
        self._busy = None
        if not self._transport.is_closing():
            self._go_on()

    async def _play(self, steps: Steps) -> None:
        for step in steps:
            if self._transport.is_closing() or self._ended:
                return
            if isinstance(step, bytes):
                self._transport.write(step)
                await asyncio.sleep(0)
            elif isinstance(step, int | float):
                await asyncio.sleep(step)
            elif step == "close":
                self._transport.close()
            elif step == "abort":
                self._transport.abort()
            elif step == "wait":
                await self._lost
            else:
                self._ended = True
                self._transport.write_eof()

    def _take(self) -> Asked | None:
        """Take one request off the buffer; the door frames with a length, and with nothing else."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = self._buffer[:end]
        fields: dict[bytes, bytes] = {}
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b": ")
            if name in fields and name in {b"content-length", b"host"}:
                self._upstream.faults.append(f"the door sent {name!r} twice")
            fields[name] = value
        if b"transfer-encoding" in fields or b"upgrade" in fields or b"\n" in head.replace(b"\r\n", b""):
            self._upstream.faults.append(f"the door sent a head that frames in another way: {head[:400]!r}")
        length = int(fields.get(b"content-length", b"0"))
        odd = fields.get(ODD_ANSWER, b"")
        body = self._buffer[end + 4 : end + 4 + length]
        if len(body) < length:
            if not odd.startswith(READ_EARLY):
                return None
            self._skip = length - len(body)
        self._buffer = self._buffer[end + 4 + length :]
        statement = fields.get(b"x-doorward-identity")
        user = self._upstream.user_in(statement) if statement else ""
        asked = Asked(head, body, "", user, odd.decode("latin-1"))
        with contextlib.suppress(ValueError, LookupError, TypeError, AttributeError):
            call = json.loads(body)
            asked.rpc_id, asked.method = call.get("id"), call.get("method", "")
            asked.tag = str(call["params"]["arguments"]["tag"])
        return asked


def _redirects(steps: Steps) -> bool:
    """Return whether the answer is a redirect: the call was not made, and the door may send it once more."""
    return _REDIRECT.search(b"".join(step for step in steps if isinstance(step, bytes))) is not None
