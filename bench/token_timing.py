"""`python -m bench.token_timing`: does the time of a refusal tell how much of a token was right?

Asks a real door with tokens that differ from a live one in their first or in their last random byte, checksum right, in
random order over one kept connection, and compares the two by rank (Mann-Whitney). Equal: p over 0.01 and medians less
than 20 microseconds apart. A control that compares byte by byte is measured the same way and must be found unequal;
otherwise the measurement itself is too coarse to say anything.
"""

from __future__ import annotations

import argparse
import base64
import math
import random
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from flows.door import serving

from doorward.oauth.tokens.opaque import HEADER_TOKEN, RANDOM_BYTES, mint

SERVER = Path("tests/flows/servers/fastmcp_server.py")
P_LIMIT = 0.01
GAP_LIMIT_MICROSECONDS = 20.0
Ask = Callable[[str], float]
"""Presents a token and returns how many microseconds its refusal took."""


def main() -> int:
    """Print both comparisons; exit 1 when the door's times differ, or when the control's do not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=50_000, help="look-ups of each kind (default: 50,000)")
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as folder, serving(SERVER, data_dir=Path(folder) / "data") as door:
        token = door.header_token()
        with socket.create_connection(("127.0.0.1", door.program.port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            real = compare("door, over loopback", by_http(connection), token, count)
    control = compare("control, byte by byte", by_byte(token), token, min(count, 20_000))
    if control[0] > P_LIMIT:
        print("The control was not caught: this machine is too busy to tell.")
        return 1
    equal = real[0] > P_LIMIT and real[1] < GAP_LIMIT_MICROSECONDS
    print("No difference." if equal else "The times differ.")
    return 0 if equal else 1


def compare(name: str, ask: Ask, token: str, count: int) -> tuple[float, float]:
    """Ask `count` times for each kind, print the result, and return p and the gap between the medians."""
    live = base64.urlsafe_b64decode(token.removeprefix(HEADER_TOKEN))[:RANDOM_BYTES]
    order = [0, RANDOM_BYTES - 1] * count
    random.shuffle(order)
    times: dict[int, list[float]] = {0: [], RANDOM_BYTES - 1: []}
    for place in order:
        wrong = bytearray(live)
        wrong[place] ^= random.randrange(1, 256)
        times[place].append(ask(mint(HEADER_TOKEN, bytes(wrong))))
    first, last = times.values()
    p = mann_whitney(first, last)
    medians = statistics.median(first), statistics.median(last)
    gap = abs(medians[0] - medians[1])
    print(f"{name:24} first {medians[0]:9.3f} us  last {medians[1]:9.3f} us  gap {gap:7.3f} us  p {p:.4f}")
    return p, gap


def by_http(connection: socket.socket) -> Ask:
    """Present tokens to the door over one connection."""

    def ask(token: str) -> float:
        request = (
            "GET /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream\r\n"
            f"authorization: Bearer {token}\r\n\r\n"
        ).encode()
        started = time.perf_counter()
        connection.sendall(request)
        answer = connection.recv(65536)
        took = (time.perf_counter() - started) * 1e6
        head, _, body = answer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
        while len(body) < length:
            body += connection.recv(65536)
        if not head.startswith(b"HTTP/1.1 401"):
            raise RuntimeError(head.decode())
        return took

    return ask


def by_byte(token: str) -> Ask:
    """Compare as a careless server would: up to the first byte that is wrong."""

    def ask(presented: str) -> float:
        started = time.perf_counter()
        for one, other in zip(presented, token, strict=True):
            if one != other:
                break
        return (time.perf_counter() - started) * 1e6

    return ask


def mann_whitney(first: list[float], second: list[float]) -> float:
    """Return the two-sided p of the rank test, by its normal approximation with ties."""
    values = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    total = len(values)
    rank_sum, ties, at = 0.0, 0, 0
    while at < total:
        end = at
        while end < total and values[end][0] == values[at][0]:
            end += 1
        rank_sum += (at + 1 + end) / 2 * sum(1 for each in values[at:end] if each[1] == 0)
        ties += (end - at) ** 3 - (end - at)
        at = end
    u = rank_sum - len(first) * (len(first) + 1) / 2
    product = len(first) * len(second)
    spread = math.sqrt(product / 12 * (total + 1 - ties / (total * (total - 1))))
    return math.erfc(abs(u - product / 2) / spread / math.sqrt(2)) if spread else 1.0


if __name__ == "__main__":
    sys.exit(main())
