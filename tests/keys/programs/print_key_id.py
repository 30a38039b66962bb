"""Open the installation of a data directory, making it if there is none, and print the id of its first key."""

# ruff: noqa: T201 (what it prints is its result)
from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from doorward.clock import SystemClock, SystemEntropy
from doorward.keys.ring import open_with_keys
from doorward.storage.opening import open_store


async def main() -> None:
    """Open, print, close."""
    data_dir = Path(sys.argv[1])
    store = open_store(None, data_dir)
    keys = await open_with_keys(store, None, data_dir, SystemClock(), SystemEntropy(), master_key=None)
    print(keys.encryption[0].kid)
    await store.close()


asyncio.run(main())
