"""Migrate a PostgreSQL database, killed at each message of its first and of its last script, and start again.

Killed before the message leaves, and right after, when the server works on it for nobody. What is between first and
last goes through the same loop; the test that cuts the connection looks at all of it. Prints how many messages a whole
migration sends, and how often it killed. It forks, so it is a program of its own, without threads.
"""

# ruff: noqa: T201 (what it prints is its result)
from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.selector_events import _SelectorSocketTransport as Transport
from typing import Literal

from doorward.storage.postgres import PostgresStore
from doorward.storage.postgres_connection import connect
from doorward.storage.postgres_migrations import schema_version

Moment = Literal["before", "after"]
AT_EACH_END = 10
"""Messages: the sign-in and the first script; the last script and the commit."""


def kill_at(url: str, message_number: int, moment: Moment) -> None:
    """Start in a child that dies at this message."""
    child = os.fork()
    if child == 0:
        _die_at(message_number, moment)
        asyncio.run(_open_and_close(url))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), (moment, message_number)


def messages_of_a_migration(url: str) -> int:
    """Migrate in a child that counts what it sends."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        sent = _counted()
        asyncio.run(_open_and_close(url))
        os.write(writer, str(sent[0]).encode())
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    return int(os.read(reader, 100))


def _counted() -> list[int]:
    sent, write = [0], Transport.write

    def counted(transport: Transport, data: bytes) -> None:
        sent[0] += 1
        write(transport, data)

    Transport.write = counted
    return sent


def _die_at(message_number: int, moment: Moment) -> None:
    left, write = message_number, Transport.write

    def counted(transport: Transport, data: bytes) -> None:
        nonlocal left
        left -= 1
        if left == 0 and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        write(transport, data)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    Transport.write = counted


async def _open_and_close(url: str) -> None:
    store = PostgresStore(url)
    await store.open()
    await store.close()


async def finish(url: str) -> list[str]:
    """Start as the next process does and return the schema."""
    await _open_and_close(url)
    connection = await connect(url)
    rows = await connection.fetch(
        "SELECT format('%s %s %s', table_name, column_name, data_type) FROM information_schema.columns"
        " WHERE table_schema = 'doorward'"
        " UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'doorward' ORDER BY 1"
    )
    version = await schema_version(connection)
    await connection.close()
    return [f"version {version}", *[row[0] for row in rows]]


async def empty(url: str) -> None:
    """Remove everything, once nobody works on it any more."""
    connection = await connect(url)
    await connection.execute("SET statement_timeout = 0; DROP SCHEMA IF EXISTS doorward CASCADE")
    await connection.close()


def main() -> None:
    """Kill at each message of both ends in turn."""
    url = sys.argv[1]
    messages = messages_of_a_migration(url)
    expected = asyncio.run(finish(url))
    asyncio.run(empty(url))
    kills = 0
    moments: tuple[Moment, ...] = ("before", "after")
    for moment in moments:
        for number in [*range(1, AT_EACH_END + 1), *range(messages - AT_EACH_END + 1, messages + 1)]:
            kill_at(url, number, moment)
            assert asyncio.run(finish(url)) == expected, (moment, number)
            asyncio.run(empty(url))
            kills += 1
    print(messages, kills)


if __name__ == "__main__":
    main()
