"""The one thread that writes to SQLite, with group commit.

While one transaction is being made durable, the jobs that arrive wait; the next transaction takes all of them, each
inside its own savepoint, so a conflict of one leaves the others. A job's future is settled only after COMMIT.
Several processes take turns through SQLite's own lock.

A fault of the database fails the whole transaction, since none of it was committed; any other exception (a value
that SQLite cannot hold) is a bug of that one job.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Sequence

from doorward.errors import Conflict, Unavailable
from doorward.storage.sqlite_schema import Step

Job = tuple[Sequence[Step], "asyncio.Future[int]"]
Outcome = int | Exception
_FAULTS = (sqlite3.Error, MemoryError)


def unavailable(error: Exception) -> Unavailable:
    """Say that the database cannot answer, keeping SQLite's own error as the cause."""
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    failure = Unavailable(f"The database cannot answer now ({name}).")
    failure.__cause__ = error
    return failure


class Writer:
    """Owns the writing connection and its thread, which starts at once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.commits = 0
        """Transactions made durable so far: what a commit costs the disk is paid this often."""
        self._connection = connection
        self._cursor = connection.cursor()
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="doorward-sqlite-writer", daemon=True)
        self._thread.start()

    def submit(self, steps: Sequence[Step]) -> asyncio.Future[int]:
        """Queue the statements of one transaction; the future holds the row count of the last one.

        A caller that is cancelled leaves its job in the queue: it is done all the same.
        """
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._jobs.put((steps, future))
        return future

    async def stop(self) -> None:
        """Finish all queued jobs, close the connection and end the thread."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        running = True
        while running:
            jobs: list[Job] = []
            job = self._jobs.get()
            with contextlib.suppress(queue.Empty):
                while job is not None:
                    jobs.append(job)
                    job = self._jobs.get_nowait()
                running = False
            if jobs:
                self._commit(jobs)
        self._connection.close()

    def _commit(self, jobs: list[Job]) -> None:
        try:
            self._cursor.execute("BEGIN IMMEDIATE")
            attempt = self._alone if len(jobs) == 1 else self._among_others
            outcomes = [attempt(steps) for steps, _ in jobs]
            self._cursor.execute("COMMIT")
            self.commits += 1
        except _FAULTS as error:
            with contextlib.suppress(*_FAULTS):
                self._connection.rollback()
            outcomes = [unavailable(error) for _ in jobs]
        # A closed loop means that nobody waits for the answers any more.
        with contextlib.suppress(RuntimeError):
            jobs[0][1].get_loop().call_soon_threadsafe(_settle, jobs, outcomes)

    def _alone(self, steps: Sequence[Step]) -> Outcome:
        try:
            return self._do(steps)
        except _FAULTS:
            raise
        except Exception as error:  # noqa: BLE001 (it is handed to the caller)
            self._connection.rollback()
            self._cursor.execute("BEGIN IMMEDIATE")
            return error

    def _among_others(self, steps: Sequence[Step]) -> Outcome:
        self._cursor.execute("SAVEPOINT job")
        outcome: Outcome
        try:
            outcome = self._do(steps)
        except _FAULTS:
            raise
        except Exception as error:  # noqa: BLE001 (it is handed to the caller)
            self._cursor.execute("ROLLBACK TO job")
            outcome = error
        self._cursor.execute("RELEASE job")
        return outcome

    def _do(self, steps: Sequence[Step]) -> int:
        cursor = self._cursor
        for sql, parameters, need in steps:
            cursor.execute(sql, parameters)
            if need == "one_row":
                if cursor.rowcount != 1:
                    raise Conflict("A record was added, changed or removed since it was loaded.")
            elif need == "a_match" and cursor.fetchone() is None:
                raise Conflict("A record that the decision relied on has changed.")
        return cursor.rowcount


def _settle(jobs: list[Job], outcomes: list[Outcome]) -> None:
    for (_, future), outcome in zip(jobs, outcomes, strict=True):
        if future.done():
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
