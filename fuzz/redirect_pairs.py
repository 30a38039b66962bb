"""Pairs of redirect URIs that nearly match, by the million: our matcher beside a second one.

Bytes that a mutator changes seldom make a URI that both matchers read, so these pairs are made of parts: a URI that a
client may register, and the same one with a part or two exchanged. `matched` tells how many were taken for the same.
"""

from __future__ import annotations

import random
import time
from typing import Any

from fuzz import targets

PARTS: tuple[tuple[str, ...], ...] = (
    ("http", "https", "HTTP", "cursor", "com.example.app", "http "),
    ("://", ":/", ":///", ":\\\\", ":"),
    (
        "127.0.0.1", "localhost", "[::1]", "127.1", "127.0.0.2", "LOCALHOST", "localhost.", "127.0.0.1.evil.example",
        "a.example", "A.example", "user@127.0.0.1", "[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1]", "2130706433", "",
    ),
    ("", ":1", ":80", ":443", ":8080", ":65535", ":65536", ":0", ":01", ":", ":8080:1", ":+1", ":8080@evil.example"),
    ("", "/", "/cb", "/cb/", "/CB", "/cb/..", "/%63b", "/cb;x", "//cb", "/cb%2f", "/cb\\", "/c b", "/cb/evil"),
    ("", "?", "?a=b", "?a=b&c", "?A=b", "?a=%62", "?code=1", "#f", "?a=b#f"),
)  # fmt: skip
USUAL = (2, 1, 3, 6, 3, 4)
"""Of each part the first so many are drawn more often: they make URIs that can be registered."""


def drawn(draw: random.Random) -> list[str]:
    """Draw the parts of a URI, mostly one that can be registered."""
    return [
        draw.choice(part[:usual] if draw.random() < 0.95 else part) for part, usual in zip(PARTS, USUAL, strict=True)
    ]


def pair(draw: random.Random) -> bytes:
    """Draw two URIs that differ in at most two parts."""
    registered = drawn(draw)
    presented = list(registered)
    for _ in range(draw.randrange(3)):
        at = draw.randrange(len(PARTS))
        presented[at] = draw.choice(PARTS[at])
    return f"{''.join(registered)}\n{''.join(presented)}".encode()


def campaign(count: int, seed: int = 0) -> dict[str, Any]:
    """Compare so many pairs; a find is one that ours accepts and the second matcher does not."""
    started, matched = time.monotonic(), 0
    finds: list[dict[str, str]] = []
    draw = random.Random(seed)
    target = targets.TARGETS["redirect URI pair"]
    for _ in range(count):
        data = pair(draw)
        try:
            target.survives(data)
        except AssertionError as error:
            finds.append({"error": str(error), "input": data.decode()})
        registered, _, presented = data.decode().partition("\n")
        matched += registered != presented and targets.matches(registered, presented)
    seconds = round(time.monotonic() - started, 1)
    return {"inputs": count, "taken": matched, "finds": len(finds), "seconds": seconds, "kept": finds[:5]}
