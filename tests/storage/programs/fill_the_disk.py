"""Write until no file may grow any more, read meanwhile, make room again, write again. Prints what happened as JSON.

The limit on the size of files stands in for a full disk: the same calls fail, and it needs no privilege.
"""

# ruff: noqa: T201 (what it prints is its result)
from __future__ import annotations

import asyncio
import json
import resource
import sys
from pathlib import Path

from doorward.errors import Unavailable
from doorward.records.changes import Insert
from doorward.records.oauth import Client
from doorward.storage.sqlite import SqliteStore

LIMIT_BYTES = 1_000_000


def client(key: str) -> Client:
    """Make a record of some size."""
    return Client(client_id=key, source="dynamic", created_at=1, client_name="x" * 1000)


async def main() -> None:
    """Fill, read, make room, write."""
    store = SqliteStore(Path(sys.argv[1]))
    await store.open()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, hard))
    acknowledged: list[str] = []
    refused: list[str] = []
    while len(refused) < 3:
        key = str(len(acknowledged) + len(refused))
        try:
            await store.apply([Insert(client(key))])
        except Unavailable:
            refused.append(key)
        else:
            acknowledged.append(key)
    readable_when_full = [await store.get(Client, key) is not None for key in acknowledged]
    refused_visible = [key for key in refused if await store.get(Client, key)]
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await store.apply([Insert(client("after"))])
    await store.close()
    await store.open()
    print(
        json.dumps(
            {
                "acknowledged": len(acknowledged),
                "readable_when_full": all(readable_when_full),
                "refused_visible": refused_visible,
                "kept": all([await store.get(Client, key) is not None for key in [*acknowledged, "after"]]),
            }
        )
    )
    await store.close()


asyncio.run(main())
