"""Append to the audit log from several tasks, printing each number that was handed over, until the input ends."""

# ruff: noqa: T201 (what it prints is its result)
from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from doorward.audit.events import AuditEvent
from doorward.audit.log import AuditLog
from doorward.clock import SystemClock
from doorward.storage.sqlite import SqliteStore

TASKS = 4


async def write(audit: AuditLog, task: int, count: int) -> None:
    """Hand over events, writing them out now and then besides the log's own task."""
    for number in range(count):
        audit.write(AuditEvent(event="test", detail={"id": f"{os.getpid()}-{task}-{number}"}))
        if number % 7 == 0:
            await audit.flush()


async def main() -> None:
    """Write, say so, and wait: for the end of the input, or to be killed."""
    store = SqliteStore(Path(sys.argv[1]), lock_timeout_seconds=60)
    await store.open()
    audit = AuditLog(store, SystemClock())
    audit.start()
    print("ready", flush=True)
    count = int(await asyncio.to_thread(sys.stdin.readline))
    await asyncio.gather(*[write(audit, task, count) for task in range(TASKS)])
    audit.write(AuditEvent(event="last", detail={"id": f"{os.getpid()}"}))
    print("written", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await audit.stop()
    await store.close()


asyncio.run(main())
