"""A record written by any released version loads forever. `samples.py` writes the files of new kinds."""

from __future__ import annotations

import sqlite3

import msgspec
import pytest
from storage.samples import GOLDEN, golden_samples, least

from doorward.errors import Unavailable
from doorward.records.accounts import User
from doorward.records.changes import Insert
from doorward.records.oauth import Client
from doorward.storage.sqlite import SqliteStore
from doorward.storage.tables import plain_name

SAMPLES = golden_samples()


def write_body(path, record_type, body: bytes) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE {plain_name(record_type)} SET body = ?", (body,))
    connection.close()


def test_there_is_a_golden_file_for_every_kind_and_no_other():
    assert {path.name for path in GOLDEN.glob("*.msgpack")} == set(SAMPLES)


@pytest.mark.parametrize("name", SAMPLES)
async def test_a_record_of_an_old_release_loads(sqlite_store, name):
    expected = SAMPLES[name]
    await sqlite_store.apply([Insert(least(type(expected)))])
    write_body(sqlite_store.path, type(expected), (GOLDEN / name).read_bytes())
    stored = await sqlite_store.get(type(expected), "key")
    assert stored is not None
    assert stored.record == expected
    assert [each.record for each in await sqlite_store.find(type(expected))] == [expected]


async def test_a_field_of_a_later_release_is_ignored(sqlite_store):
    await sqlite_store.apply([Insert(least(User))])
    body = msgspec.msgpack.decode((GOLDEN / "user.full.msgpack").read_bytes())
    write_body(sqlite_store.path, User, msgspec.msgpack.encode({**body, "added_later": {"deep": [1, None]}}))
    stored = await sqlite_store.get(User, "key")
    assert stored is not None
    assert stored.record == SAMPLES["user.full.msgpack"]


@pytest.mark.parametrize(
    "body",
    [b"", b"\xc1", b"\x80", msgspec.msgpack.encode({"client_id": "key", "source": "guessed", "created_at": 1})],
    ids=["empty", "not MessagePack", "no fields", "a value that no release writes"],
)
async def test_a_row_that_cannot_be_read_is_a_fault_and_not_an_absent_record(tmp_path, body):
    store = SqliteStore(tmp_path / "doorward.sqlite")
    await store.open()
    await store.apply([Insert(least(Client))])
    write_body(store.path, Client, body)
    with pytest.raises(Unavailable, match="stored client"):
        await store.get(Client, "key")
    with pytest.raises(Unavailable, match="stored client"):
        await store.find(Client, source="dynamic")
    await store.close()
