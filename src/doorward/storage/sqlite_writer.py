"""The only thread that writes to SQLite, with group commit.

While one transaction is being committed, new jobs wait. The next transaction takes all of them, each in its own
savepoint, so that a conflict of one does not affect the others. A job's future completes only after COMMIT. Several
processes take turns through SQLite's lock.

A database fault fails the whole transaction, because none of it was committed. Any other exception (a value that SQLite
cannot hold) is a bug of that job alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import queue
import sqlite3
import threading
import time
from collections.abc import Sequence

from doorward.errors import Conflict, Unavailable
from doorward.storage.sqlite_schema import Step

Job = tuple[Sequence[Step], "asyncio.Future[int]"]
Outcome = int | Exception
Answer = tuple["asyncio.Future[int]", Outcome]
_FAULTS = (sqlite3.Error, MemoryError)
_pauses = itertools.cycle((0.0003, 0.0007, 0.0011, 0.0015))
"""Seconds between attempts to get the lock; a transaction takes about 0.2 ms."""


def unavailable(error: Exception) -> Unavailable:
    """Return the `Unavailable` for an error, with SQLite's error as its cause."""
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    failure = Unavailable(f"The database cannot answer now ({name}).")
    failure.__cause__ = error
    return failure


class Writer:
    """Owns the writing connection and its thread, which starts immediately."""

    def __init__(self, connection: sqlite3.Connection, lock_timeout_seconds: float) -> None:
        self.commits = 0
        """Transactions committed so far; each costs one disk sync."""
        self._connection = connection
        self._lock_timeout_seconds = lock_timeout_seconds
        self._cursor = connection.cursor()
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="doorward-sqlite-writer", daemon=True)
        self._thread.start()

    def submit(self, steps: Sequence[Step]) -> asyncio.Future[int]:
        """Queue the statements of one transaction; the future returns the row count of the last one.

        Cancelling the caller does not cancel its job.
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
            self._begin()
            attempt = self._alone if len(jobs) == 1 else self._among_others
            outcomes = [attempt(steps) for steps, _ in jobs]
            # A single job that failed has rolled back already.
            if self._connection.in_transaction:
                self._cursor.execute("COMMIT")
                self.commits += 1
        except _FAULTS as error:
            with contextlib.suppress(*_FAULTS):
                self._connection.rollback()
            outcomes = [unavailable(error) for _ in jobs]
        answers: dict[asyncio.AbstractEventLoop, list[Answer]] = {}
        for (_, future), outcome in zip(jobs, outcomes, strict=True):
            answers.setdefault(future.get_loop(), []).append((future, outcome))
        for loop, its_answers in answers.items():
            # If the loop is closed, no caller waits for the result.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_settle, its_answers)

    def _begin(self) -> None:
        deadline = time.monotonic() + self._lock_timeout_seconds
        while True:
            try:
                self._cursor.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                    raise
            # SQLite's own waiting backs off to 100 ms, so under load one process could starve for half a second.
            time.sleep(next(_pauses))

    def _alone(self, steps: Sequence[Step]) -> Outcome:
        try:
            return self._do(steps)
        except _FAULTS:
            raise
        except Exception as error:  # noqa: BLE001 (it is handed to the caller)
            self._connection.rollback()
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


def _settle(answers: list[Answer]) -> None:
    for future, outcome in answers:
        if future.done():
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
