"""Write records from several tasks and print the key of each one that was acknowledged, until somebody kills it."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from pathlib import Path

from doorward.records.changes import Insert
from doorward.records.oauth import AccessToken, Grant
from doorward.storage.sqlite import SqliteStore

RESOURCE = "https://mcp.example.com/mcp"


async def write(store: SqliteStore, numbers: itertools.count[int]) -> None:
    """Add a grant with its token, again and again."""
    for number in numbers:
        key = f"{os.getpid()}-{number}"
        common = {"user_id": "owner", "client_id": "c", "scopes": (), "resource": RESOURCE, "created_at": number}
        await store.apply(
            [
                Insert(Grant(grant_id=key, redirect_uri="http://127.0.0.1/", **common)),
                Insert(AccessToken(access_digest=key, grant_id=key, **common)),
            ]
        )
        os.write(1, f"{key}\n".encode())


async def main() -> None:
    """Never end."""
    store = SqliteStore(Path(sys.argv[1]), lock_timeout_seconds=60)
    await store.open()
    numbers = itertools.count()
    await asyncio.gather(*[write(store, numbers) for _ in range(4)])


asyncio.run(main())
