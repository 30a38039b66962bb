from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import sqlite3
import stat
from pathlib import Path

import pytest
from storage.samples import least

from doorward.errors import StartError, Unavailable
from doorward.records.changes import Insert
from doorward.records.oauth import Client
from doorward.storage.sqlite import SqliteStore
from doorward.storage.sqlite_file import open_database, use_write_ahead_log

BESIDE = ("", "-wal", "-shm")


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def refusal_of(path: Path) -> StartError:
    store = SqliteStore(path, lock_timeout_seconds=0.05)
    with pytest.raises(StartError) as caught:
        await store.open()
    problem = caught.value.problem
    assert problem.what
    assert problem.why
    assert problem.fix
    await store.close()
    return caught.value


@contextlib.contextmanager
def umask(value: int):
    before = os.umask(value)
    yield
    os.umask(before)


async def test_the_files_and_the_directory_are_private_whatever_the_umask(tmp_path):
    path = tmp_path / "new" / "doorward.sqlite"
    with umask(0):
        store = SqliteStore(path)
        await store.open()
    await store.apply([Insert(least(Client))])
    assert mode_of(path.parent) == 0o700
    assert [mode_of(Path(f"{path}{suffix}")) for suffix in BESIDE] == [0o600] * 3
    await store.close()


async def test_files_that_others_can_read_are_closed_to_them_with_a_warning(tmp_path, caplog):
    path = tmp_path / "doorward.sqlite"
    holder = SqliteStore(path)
    await holder.open()
    await holder.apply([Insert(least(Client))])
    for suffix in BESIDE:
        Path(f"{path}{suffix}").chmod(0o664)
    store = SqliteStore(path)
    with caplog.at_level(logging.WARNING):
        await store.open()
    assert [mode_of(Path(f"{path}{suffix}")) for suffix in BESIDE] == [0o600] * 3
    assert [record.message for record in caplog.records] == ["closed to other accounts"] * 3
    await store.close()
    # Opening a second store did not drop the locks of the first one.
    await holder.apply([Insert(least(Client, "other"))])
    assert await holder.get(Client, "other") is not None
    await holder.close()


async def test_a_relative_path_is_one_file_even_when_named_like_a_database_in_memory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = SqliteStore(Path(":memory:"))
    await store.open()
    await store.apply([Insert(least(Client))])
    await store.close()
    assert (tmp_path / ":memory:").stat().st_size > 0


async def test_a_directory_is_refused(tmp_path):
    error = await refusal_of(tmp_path)
    assert "is a directory" in error.problem.what


async def test_a_file_that_is_not_a_database_is_refused_and_kept(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database " * 1000)
    error = await refusal_of(path)
    assert "not a SQLite database" in error.problem.what
    assert path.read_text() == "not a database " * 1000


async def test_a_parent_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    error = await refusal_of(tmp_path / "file" / "doorward.sqlite")
    assert "cannot be created" in error.problem.what


async def test_a_directory_that_cannot_be_written_is_refused():
    # The permission bits of a directory mean nothing to root; that /proc takes no files binds everybody.
    error = await refusal_of(Path("/proc/self/doorward.sqlite"))
    assert "cannot be created" in error.problem.what


async def test_a_damaged_database_is_refused(tmp_path):
    path = tmp_path / "doorward.sqlite"
    store = SqliteStore(path)
    await store.open()
    await store.close()
    content = bytearray(path.read_bytes())
    content[100:4096] = b"\xff" * 3996
    path.write_bytes(content)
    error = await refusal_of(path)
    assert "is damaged" in error.problem.what


async def test_a_database_locked_by_another_program_is_refused_with_its_cause(tmp_path):
    path = tmp_path / "doorward.sqlite"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    error = await refusal_of(path)
    assert "keeps it locked" in error.problem.what
    holder.close()


async def test_a_lock_that_goes_away_in_time_is_waited_for(tmp_path):
    path = tmp_path / "doorward.sqlite"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    store = SqliteStore(path, lock_timeout_seconds=60)
    opening = asyncio.create_task(store.open())
    await asyncio.sleep(0)
    holder.close()
    await opening
    await store.apply([Insert(least(Client))])
    await store.close()


def test_a_file_system_without_write_ahead_log_is_refused():
    connection = sqlite3.connect(":memory:")
    with pytest.raises(StartError, match="write-ahead log"):
        use_write_ahead_log(connection)
    connection.close()


def test_the_database_is_as_durable_as_promised(tmp_path):
    for connection in open_database(tmp_path / "doorward.sqlite", 1):
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        connection.close()


async def test_a_file_that_others_can_read_and_nobody_can_close_is_refused(tmp_path):
    (tmp_path / "doorward.sqlite").symlink_to("/proc/self/cmdline")
    error = await refusal_of(tmp_path / "doorward.sqlite")
    assert os.strerror(errno.EPERM) in error.problem.why


async def test_pages_that_cannot_be_read_are_a_fault_and_not_an_absent_record(tmp_path):
    path = tmp_path / "doorward.sqlite"
    store = SqliteStore(path)
    await store.open()
    await store.apply([Insert(least(Client, str(number))) for number in range(200)])
    await store.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        roots = connection.execute("SELECT rootpage FROM sqlite_schema WHERE tbl_name = 'record_client'").fetchall()
    content = bytearray(path.read_bytes())
    for (page,) in roots:
        content[4096 * (page - 1) : 4096 * page] = b"\xff" * 4096
    path.write_bytes(content)
    await store.open()
    with pytest.raises(Unavailable, match="SQLITE_CORRUPT"):
        await store.get(Client, "1")
    with pytest.raises(Unavailable, match="SQLITE_CORRUPT"):
        await store.find(Client, source="dynamic")
    with pytest.raises(Unavailable, match="SQLITE_CORRUPT"):
        await store.apply([Insert(least(Client, "new"))])
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        group = [asyncio.create_task(store.apply([Insert(least(Client, str(number)))])) for number in range(3)]
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(*group, return_exceptions=True)
    assert {type(each) for each in outcomes} == {Unavailable}
    await asyncio.gather(store.close(), store.close())
