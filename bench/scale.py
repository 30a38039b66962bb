"""Is a big store as fast as an empty one? `python -m bench.scale [--clients N] [--tokens N] [--postgres]`.

Fills one store with clients, grants and tokens, leaves another empty, serves both with `doorward serve`, loads them in
turn, and prints the ratio of the CPU that each kind of request costs the door. It exits 1 when a ratio is more than a
tenth over its budget.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
from flows.processes import PYTHON, free_port
from postgres_server import running_server

from bench import budgets, machine, measure
from bench.__main__ import OWNER, measure_once
from bench.budgets import Judged, Measured, Times
from bench.load import Crowd
from bench.report import Row
from bench.subjects import Live, Subject, calls_with_grant, refreshes, registrations
from doorward.records.oauth import AccessToken, Client, Grant, RefreshToken
from doorward.records.record import Record

TARGET = Path(__file__).parent / "target_raw.py"
NOW = int(time.time())
ALIVE = NOW + 30 * 86_400
SPREAD = 2**256
BATCH = 50_000
CONNECTIONS = 16


def main(arguments: Sequence[str]) -> int:
    """Fill, serve, measure and print; return 1 when the budget is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--clients", type=int, default=1_000_000)
    parser.add_argument("--tokens", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL server that this starts")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="scale-") as folder, contextlib.ExitStack() as stack:
        urls = [f"sqlite:///{folder}/{name}/doorward.sqlite" for name in ("loaded", "empty")]
        stack.enter_context(measure.on_core(measure.LOAD_CORE))
        if chosen.postgres:
            server = stack.enter_context(running_server(fsync=True))
            urls = [server.url(server.new_database()) for _ in urls]
        loaded = prepare(urls[0], Path(folder) / "loaded")
        empty = prepare(urls[1], Path(folder) / "empty")
        fill(urls[0], chosen.clients, chosen.tokens)
        rows = [row for place in (empty, loaded) for row in serve(place, stack)]
        for number in range(chosen.rounds):
            for row, program, crowd in rows:
                measure_once(row, program, crowd, chosen.seconds)
            progress(f"round {number + 1} of {chosen.rounds}")
    measured = Measured({row.subject.name: row.cpu_us for row, _, _ in rows})
    judged = judge([row for row, _, _ in rows], measured)
    print(f"{heading(chosen)}\n\n{budgets.table(judged, measured)}")
    return budgets.exit_code(judged)


def progress(text: str) -> None:
    """Print the progress."""
    print(text, file=sys.stderr, flush=True)


def prepare(url: str, folder: Path) -> tuple[str, Path]:
    """Make the tables and the owner."""
    folder.mkdir()
    words = [PYTHON, "-m", "doorward", "tokens", "create", "--name", "first", "--data-dir", str(folder)]
    subprocess.run([*words, "--database", url], check=True, capture_output=True, env={**os.environ, **OWNER})
    return url, folder


def keys(count: int) -> Iterator[str]:
    """Yield digests that lie evenly over all that SHA-256 can give, in order, so that filling is quick."""
    step = SPREAD // (count + 1)
    for number in range(1, count + 1):
        yield f"{number * step:064x}"


def records(clients: int, tokens: int) -> Iterator[Record]:
    """Yield clients, a grant for each, and tokens of those grants."""
    scopes, resource = ("mcp",), "http://127.0.0.1:8000/mcp"
    uri = "https://client.example/callback"
    for key in keys(clients):
        yield Client(client_id=key[:24], source="dynamic", created_at=NOW, client_name="Client", redirect_uris=(uri,))
    for key in keys(clients):
        grant = {"user_id": "owner", "client_id": key[:24], "redirect_uri": uri, "scopes": scopes, "resource": resource}
        yield Grant(grant_id=key[:43], created_at=NOW, expires_at=ALIVE, **grant)
    common = {"user_id": "owner", "scopes": scopes, "resource": resource, "created_at": NOW, "expires_at": ALIVE}
    for half, make in ((tokens // 2, _access), (tokens - tokens // 2, _refresh)):
        step = max(1, half // max(1, clients))
        owner = ""
        for number, key in enumerate(keys(half)):
            if number % step == 0:
                owner = key
            yield make(key, owner, common)


def _access(key: str, owner: str, common: dict) -> Record:
    return AccessToken(access_digest=key, grant_id=owner[:43], client_id=owner[:24], **common)


def _refresh(key: str, owner: str, common: dict) -> Record:
    return RefreshToken(refresh_digest=key, grant_id=owner[:43], client_id=owner[:24], **common)


def columns(kind: type[Record]) -> list[str]:
    """Return the columns of a record's table, body last."""
    return ["key", "version", "expires_at", *kind.indexes, "body"]


def batches(clients: int, tokens: int) -> Iterator[tuple[type[Record], list[tuple]]]:
    """Yield rows in batches of one kind."""
    kind: type[Record] | None = None
    batch: list[tuple] = []
    encode = msgspec.msgpack.Encoder().encode
    done = 0
    for record in records(clients, tokens):
        if kind is not None and (type(record) is not kind or len(batch) >= BATCH):
            yield kind, batch
            done += len(batch)
            if done % 1_000_000 < BATCH:
                progress(f"filled {done:,} rows")
            batch = []
        kind = type(record)
        indexed = [getattr(record, name) for name in kind.indexes]
        batch.append((record.key, 1, record.expires_at, *indexed, encode(record)))
    if kind is not None:
        yield kind, batch


def fill(url: str, clients: int, tokens: int) -> None:
    """Write the rows as fast as the database takes them; what is measured afterwards is durable again."""
    if not url.startswith("sqlite:///"):
        asyncio.run(_fill_postgres(url, clients, tokens))
        return
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-1000000")
    for kind, batch in batches(clients, tokens):
        names = columns(kind)
        marks = ",".join("?" * len(names))
        connection.execute("BEGIN")
        connection.executemany(f"INSERT INTO record_{kind.kind} ({','.join(names)}) VALUES ({marks})", batch)
        connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


async def _fill_postgres(url: str, clients: int, tokens: int) -> None:
    import asyncpg

    connection = await asyncpg.connect(url)
    for kind, batch in batches(clients, tokens):
        rows = [tuple(part.encode() if isinstance(part, str) else part for part in row) for row in batch]
        names = columns(kind)
        await connection.copy_records_to_table(
            f"record_{kind.kind}", schema_name="doorward", records=rows, columns=names
        )
    await connection.execute("VACUUM ANALYZE")
    await connection.execute("CHECKPOINT")
    await connection.close()


def serve(place: tuple[str, Path], stack: contextlib.ExitStack) -> list[tuple[Row, object, Crowd]]:
    """Serve one store and prepare each kind of load on it."""
    url, folder = place
    port = free_port()
    words = [PYTHON, "-m", "doorward", "serve", str(TARGET), "--port", str(port), "--data-dir", str(folder)]
    words += ["--database", url, "--log-level", "warning"]
    program = stack.enter_context(measure.running(words, port, folder, core=measure.SUBJECT_CORE, env=OWNER))
    live = Live(port, folder, CONNECTIONS)
    work = {"call": calls_with_grant, "refresh": refreshes, "registration": registrations}
    found = []
    for name, users in work.items():
        crowd = Crowd(port, users(live))
        crowd.run(0.5)
        found.append((Row(Subject(f"{name}, {folder.name}", "door_raw", users)), program, crowd))
    return found


def judge(rows: Sequence[Row], measured: Measured) -> list[Judged]:
    """Judge each kind of request by what it costs on the loaded store as a multiple of the empty one."""
    half = len(rows) // 2
    judged = []
    for empty, loaded in zip(rows[:half], rows[half:], strict=True):
        reading = Times(loaded.subject.name, empty.subject.name)
        budget = replace(budgets.SCALE, work=empty.subject.name.partition(",")[0], reading=reading)
        judged.append(budgets.judge(budget, measured))
    return judged


def heading(chosen: argparse.Namespace) -> str:
    """Return the conditions of the run."""
    return (
        f"- {machine.interpreter()}\n- {machine.machine()}\n"
        f"- {chosen.clients:,} clients and grants, {chosen.tokens:,} token rows, against an empty store\n"
        f"- {chosen.rounds} rounds of {chosen.seconds} s, {CONNECTIONS} connections"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
