"""Open the store, then for each line of input race once. Prints `ready`, then `won` or `lost` for each race.

A line is `replace KEY VERSION`, or `insert KEY`.
"""

# ruff: noqa: T201 (what it prints is its result)
from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from doorward.errors import Conflict
from doorward.records.accounts import User
from doorward.records.changes import Change, Insert, Replace
from doorward.storage.sqlite import SqliteStore


def change_for(line: str) -> Change:
    """Read one line of input."""
    verb, key, *version = line.split()
    record = User(user_id=key, created_at=os.getpid())
    return Replace(record, int(version[0])) if verb == "replace" else Insert(record)


async def main() -> None:
    """Race until the input ends."""
    store = SqliteStore(Path(sys.argv[1]), lock_timeout_seconds=60)
    await store.open()
    print("ready", flush=True)
    for line in sys.stdin:
        try:
            await store.apply([change_for(line)])
        except Conflict:
            print("lost", flush=True)
        else:
            print("won", flush=True)
    await store.close()


asyncio.run(main())
