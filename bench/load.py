"""The load: simulated users on kept connections, each a generator that yields a request and is sent the reply.

A user checks every reply itself and raises `Wrong` at the first bad one, which ends the benchmark: a fast wrong answer
is no result. A user yields `None` when one unit of work is done. Everything runs in one thread, on raw sockets.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field

RECEIVE_BYTES = 262144
STALL_SECONDS = 30
NO_HEADERS: Mapping[str, str] = {}


class Wrong(AssertionError):
    """A reply was not what the user must get."""


@dataclass(frozen=True)
class Reply:
    """One answer: the body is decoded from its transfer coding, nothing else is."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str:
        """Return a header's value, or an empty string."""
        return next(iter(self.headers(name)), "")

    def headers(self, name: str) -> list[str]:
        """Return every value of a header."""
        wanted = name.lower()
        lines = (line.partition(":") for line in self.head.decode("latin-1").split("\r\n")[1:])
        return [value.strip() for key, _, value in lines if key.lower() == wanted]

    def expect(self, status: int) -> Reply:
        """Return this reply, or raise when its status is another one."""
        if self.status != status:
            raise Wrong(f"status {self.status} instead of {status}: {self.body[:300]!r}")
        return self


User = Generator[bytes | None, Reply, None]


@dataclass
class Sample:
    """What one run saw."""

    units: int = 0
    seconds: float = 0
    latencies: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """Return the latency in milliseconds below which this share of the units lie."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 if ordered else 0.0


def request(
    method: str, path: str, port: int, headers: Mapping[str, str] = NO_HEADERS, body: bytes | None = None
) -> bytes:
    """Return the bytes of one request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *(f"{name}: {v}" for name, v in headers.items())]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


def parse(data: bytes) -> tuple[Reply, int] | None:
    """Return the first complete reply in the data and its length, or None when more must come."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = data[:end]
    lowered = head.lower()
    status = int(head[9:12])
    start = end + 4
    found = lowered.find(b"\r\ncontent-length:")
    if found >= 0:
        stop = lowered.find(b"\r\n", found + 2)
        length = int(head[found + 17 : stop if stop > 0 else None])
        if len(data) < start + length:
            return None
        return Reply(status, head, data[start : start + length]), start + length
    if b"\r\ntransfer-encoding: chunked" in lowered:
        return _parse_chunks(status, head, data, start)
    return Reply(status, head, b""), start


def _parse_chunks(status: int, head: bytes, data: bytes, position: int) -> tuple[Reply, int] | None:
    parts: list[bytes] = []
    while True:
        line_end = data.find(b"\r\n", position)
        if line_end < 0:
            return None
        size = int(data[position:line_end], 16)
        position = line_end + 2
        if len(data) < position + size + 2:
            return None
        if size == 0:
            return Reply(status, head, b"".join(parts)), position + 2
        parts.append(data[position : position + size])
        position += size + 2


class _Connection:
    """One user and the socket they use now."""

    def __init__(self, port: int, user: User) -> None:
        self.port = port
        self.user = user
        self.pending = next(user) or b""
        self.began_at = 0.0
        self.buffer = b""
        self.socket = socket.socket()

    def open(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=STALL_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self) -> None:
        self.socket.sendall(self.pending)

    def take(self, reply: Reply, sample: Sample) -> bool:
        """Hand the reply to the user and keep what they ask next; return whether a unit of work is done."""
        following = self.user.send(reply)
        done = following is None
        while following is None:
            now = time.perf_counter()
            sample.units += 1
            sample.latencies.append(now - self.began_at)
            self.began_at = now
            following = next(self.user)
        self.pending = following
        return done


class Crowd:
    """Users that keep their state between runs; each run opens new connections."""

    def __init__(self, port: int, users: Sequence[User]) -> None:
        self._connections = [_Connection(port, user) for user in users]

    def run(self, seconds: float) -> Sample:
        """Run all users until the time is over and their last unit is done.

        Nobody stops in the middle of a unit: a code that waits for the next round would have expired by then.
        """
        sample = Sample()
        with selectors.DefaultSelector() as selector:
            for connection in self._connections:
                connection.open()
                selector.register(connection.socket, selectors.EVENT_READ, connection)
            begin = time.perf_counter()
            for connection in self._connections:
                connection.began_at = time.perf_counter()
                connection.send()
            self._work(selector, sample, begin + seconds)
            sample.seconds = time.perf_counter() - begin
        return sample

    def _work(self, selector: selectors.BaseSelector, sample: Sample, deadline: float) -> None:
        busy = len(self._connections)
        while busy:
            ready = selector.select(STALL_SECONDS)
            if not ready:
                raise Wrong(f"no reply for {STALL_SECONDS} s")
            for key, _ in ready:
                connection: _Connection = key.data
                data = connection.socket.recv(RECEIVE_BYTES)
                if not data:
                    selector.unregister(connection.socket)
                    if connection.buffer:
                        raise Wrong(f"the server hung up in the middle of a reply: {connection.buffer[:200]!r}")
                    connection.open()
                    selector.register(connection.socket, selectors.EVENT_READ, connection)
                    connection.send()
                    continue
                connection.buffer += data
                parsed = parse(connection.buffer)
                if parsed is None:
                    continue
                reply, length = parsed
                connection.buffer = connection.buffer[length:]
                done = connection.take(reply, sample)
                if time.perf_counter() < deadline or not done:
                    connection.send()
                else:
                    selector.unregister(connection.socket)
                    connection.socket.close()
                    busy -= 1
