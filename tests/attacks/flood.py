"""A flood of registrations with honest clients in its midst (R-01), in this process and in memory.

`PYTHONPATH=tests python -m attacks.flood` runs the full count, from one address and from a thousand, and shows a table.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from world import ISSUER, REDIRECT_URI, World, world

from doorward.records.oauth import Client, RegisteredContent

FULL_COUNT = 100_000
PER_SECOND = 200
"""How fast the clock of the door goes meanwhile; a flood through one core is not faster."""
ROW = "{:>10} {:>14} {:>12} {:>10} {:>10} {:>10} {:>8} {:>8}"


@dataclass(frozen=True)
class Flood:
    """What came of one flood."""

    statuses: Counter[int]
    rows: int
    """Clients that the store held at most."""
    contents: int
    honest: list[bool]
    """For each honest client: registered, signed in, refreshed and called."""
    kept: bool
    """The client that was in use before the flood is still in use."""
    seconds: float


def caller(w: World, address: str) -> httpx2.AsyncClient:
    """Return a caller from that address."""
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(w.door, client=(address, 4711)), base_url=ISSUER)


def addresses(count: int) -> Iterator[str]:
    """Yield so many addresses, again and again."""
    while True:
        for number in range(count):
            yield f"198.18.{number // 250}.{number % 250 + 1}"


async def registered(http: httpx2.AsyncClient, name: str) -> tuple[int, str]:
    """Register a public client; return the status and its id."""
    body = {"redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "none", "client_name": name}
    answer = await http.post("/register", json=body)
    return answer.status_code, answer.json().get("client_id", "")


async def is_served(w: World, name: str) -> bool:
    """Be an honest client with a user: register, sign in, get tokens, refresh and call."""
    async with caller(w, "192.0.2.80") as http:
        status, client_id = await registered(http, name)
    if status != 201:
        return False
    tokens = (await w.redeem(client_id, await w.code(client_id))).json()
    return await refreshes(w, client_id, tokens["refresh_token"]) is not None


async def refreshes(w: World, client_id: str, refresh_token: str) -> str | None:
    """Refresh and call; return the next refresh token, or None when something was refused."""
    answer = await w.token(grant_type="refresh_token", client_id=client_id, refresh_token=refresh_token)
    if answer.is_error or (await w.call(answer.json()["access_token"])).is_error:
        return None
    token: str = answer.json()["refresh_token"]
    return token


async def flood(tmp_path: Path, count: int, *, senders: int, honest: int = 5, **settings: Any) -> Flood:
    """Register `count` clients from `senders` addresses, with honest clients spread over that time."""
    started = time.monotonic()
    statuses: Counter[int] = Counter()
    served: list[bool] = []
    rows = 0
    async with world(tmp_path, database="memory://", **settings) as w:
        used = (await w.register(client_name="In use"))["client_id"]
        token: str | None = (await w.redeem(used, await w.code(used))).json()["refresh_token"]
        source = addresses(senders)
        lines = [caller(w, next(source)) for _ in range(senders)]
        for number in range(count):
            statuses[(await registered(lines[number % senders], f"Flood {number}"))[0]] += 1
            if number % PER_SECOND == PER_SECOND - 1:
                w.clock.advance(1)
            if number % (count // honest) == count // honest - 1:
                rows = max(rows, len(await w.door.store.find(Client)))
                served.append(await is_served(w, f"Honest {number}"))
        contents = len(await w.door.store.find(RegisteredContent))
        kept = token is not None and await refreshes(w, used, token) is not None
        for line in lines:
            await line.aclose()
    return Flood(statuses, rows, contents, served, kept, time.monotonic() - started)


def show(*cells: object) -> None:
    """Write one row of the table at once."""
    sys.stdout.write(ROW.format(*map(str, cells)) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run both floods and print what came of them; 1 when an honest client was refused or the store outgrew its cap."""
    parser = argparse.ArgumentParser(prog="python -m attacks.flood", description=__doc__.partition("\n")[0])
    parser.add_argument("--registrations", type=int, default=FULL_COUNT)
    parser.add_argument("--cap", type=int, default=10_000, help="unused_clients_limit")
    options = parser.parse_args()
    show("addresses", "registrations", "accepted", "slowed", "rows", "honest", "kept", "seconds")
    good = True
    for senders in (1, 1000):
        with tempfile.TemporaryDirectory(prefix="flood-") as folder:
            settings = {"unused_clients_limit": options.cap}
            found = asyncio.run(flood(Path(folder), options.registrations, senders=senders, honest=50, **settings))
        served = f"{sum(found.honest)}/{len(found.honest)}"
        counts = (found.statuses[201], found.statuses[429], found.rows, served, found.kept, round(found.seconds))
        show(senders, options.registrations, *counts)
        good &= all(found.honest) and found.kept and found.rows <= options.cap + len(found.honest) + 1
        good &= set(found.statuses) <= {201, 429}
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
