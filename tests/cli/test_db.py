"""`doorward db`, run in this process on a database of either kind."""

from __future__ import annotations

import asyncio
import os
import shlex
import sqlite3
import stat
from contextlib import closing

from cli.stored import in_store
from postgres_server import PASSWORD
from storage.samples import least

from doorward.records.changes import Insert
from doorward.records.oauth import Client
from doorward.storage.opening import open_store
from doorward.storage.postgres_migrations import packaged_migrations

NEWEST = len(packaged_migrations())


def test_a_database_is_described_with_its_version_and_records(anywhere):
    anywhere("tokens", "create", "--name", "ci", "--json")
    found = anywhere("db", "status", "--json")
    assert found["schema_version"] == NEWEST
    assert found["size_bytes"] > 0
    assert (found["records"]["header_token"], found["records"]["user"], found["records"]["key"]) == (1, 1, 3)
    text = anywhere("db", "status")
    assert f"schema version  {NEWEST}" in text
    assert "header_token" in text


def test_a_new_database_is_migrated_and_an_up_to_date_one_left_alone(anywhere):
    assert anywhere("db", "migrate", "--json") == {"before": 0, "after": NEWEST}
    assert anywhere("db", "migrate", "--json") == {"before": NEWEST, "after": NEWEST}
    assert f"up to date: version {NEWEST}" in anywhere("db", "migrate")


def test_a_database_without_doorward_is_not_an_installation(anywhere):
    for command in (["tokens", "list"], ["keys", "list"], ["db", "purge"]):
        assert "no installation here" in anywhere(*command, code=3)


def test_what_expired_long_ago_is_purged(anywhere, tmp_path):
    anywhere("tokens", "create", "--name", "ci", "--json")

    async def add_expired() -> None:
        store = open_store(os.environ.get("DOORWARD_DATABASE"), tmp_path / ".doorward")
        await store.open()
        await store.apply([Insert(least(Client, expires_at=1)), Insert(least(Client, "other"))])
        await store.close()

    asyncio.run(add_expired())
    assert anywhere("db", "purge", "--json") == {"removed": 1, "audit_entries_removed": 0}
    assert anywhere("db", "purge") == "Removed 0 expired records.\n"


def test_an_older_schema_is_described_without_being_migrated(at, tmp_path):
    at("tokens", "create", "--name", "ci", "--json")
    with closing(sqlite3.connect(tmp_path / ".doorward" / "doorward.sqlite")) as connection:
        connection.execute("DROP TABLE record_key")
        connection.execute(f"PRAGMA user_version = {NEWEST - 1}")
    found = at("db", "status", "--json")
    assert found["schema_version"] == NEWEST - 1
    assert "key" not in found["records"]


def test_a_backup_is_a_whole_database_for_this_account_only(at, tmp_path, capsys):
    made = at("tokens", "create", "--name", "ci", "--json")
    at("db", "backup", "copy.sqlite")
    copy = tmp_path / "copy.sqlite"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.glob("copy*")] == ["copy.sqlite"]
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    (listed,) = at("tokens", "list", "--database", "sqlite:///copy.sqlite", "--json")
    assert listed["id"] == made["id"]


def test_a_backup_while_somebody_writes_is_of_one_moment(at, tmp_path):
    at("tokens", "create", "--name", "ci", "--json")
    with closing(sqlite3.connect(tmp_path / ".doorward" / "doorward.sqlite", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM record_header_token")
        at("db", "backup", "copy.sqlite")
        writer.execute("COMMIT")
    assert len(at("tokens", "list", "--database", "sqlite:///copy.sqlite", "--json")) == 1
    assert at("tokens", "list", "--json") == []


def test_a_backup_never_replaces_a_file(at, tmp_path):
    at("tokens", "create", "--name", "ci", "--json")
    (tmp_path / "copy.sqlite").write_text("the only good backup")
    assert "exists already" in at("db", "backup", "copy.sqlite", code=3)
    assert (tmp_path / "copy.sqlite").read_text() == "the only good backup"
    assert "cannot be written" in at("db", "backup", "absent/copy.sqlite", code=3)


def test_a_database_that_cannot_be_read_is_told(at, tmp_path):
    (tmp_path / "notes.txt").write_text("not a database " * 1000)
    for command in (["status"], ["backup", "copy.sqlite"], ["migrate"]):
        assert "notes.txt cannot be" in at("db", *command, "--database", "sqlite:///notes.txt", code=3)
    assert not list(tmp_path.glob("copy*"))
    url = f"postgresql://door:{PASSWORD}@/door?host={tmp_path}"
    for command in (["status"], ["migrate"], ["purge"]):
        assert "cannot be reached" in at("db", *command, "--database", url, code=3)


def test_the_command_that_copies_a_postgres_database_works(postgres, at, monkeypatch, tmp_path):
    url = postgres.url(postgres.new_database())
    monkeypatch.setenv("DOORWARD_DATABASE", url)
    at("tokens", "create", "--name", "ci", "--json")
    program, *arguments = shlex.split(at("db", "backup", "door.dump"))
    assert program == "pg_dump"
    target = postgres.directory / "door.dump"
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    done = postgres.program(program, *[each.replace(str(tmp_path / "door.dump"), str(target)) for each in arguments])
    assert done.returncode == 0, done.stderr
    restored = postgres.url(postgres.new_database())
    done = postgres.program("pg_restore", f"--dbname={restored}", "--exit-on-error", str(target))
    assert done.returncode == 0, done.stderr
    assert len(at("tokens", "list", "--database", restored, "--json")) == 1


def test_the_settings_show_the_address_without_what_is_secret_in_it(at, tmp_path):
    url = "postgresql://door:hunter2@db.example/door?sslmode=verify-full"
    (tmp_path / "url").write_text(f"{url}\n")
    for arguments, origin in (
        (["--database", url], "--database"),
        (["--config", "doorward.toml"], "database_file in doorward.toml"),
    ):
        (tmp_path / "doorward.toml").write_text('database_file = "url"\n' if "--config" in arguments else "")
        shown = at("config", "show", "--json", *arguments)
        assert shown["database"] == {
            "value": "postgresql://***@db.example/door?sslmode=verify-full",
            "origin": origin,
        }
        assert "hunter2" not in at("config", "show", *arguments)


def test_a_master_key_that_is_none_is_refused_without_being_shown(at, monkeypatch):
    monkeypatch.setenv("DOORWARD_MASTER_KEY", "hunter2")
    told = at("config", "check", code=2)
    assert "openssl rand -base64 32" in told
    assert "hunter2" not in told


def test_the_database_is_described_and_purged(at, tmp_path):
    at("users", "add", "ann")
    in_store(
        tmp_path,
        lambda store: store.apply([Insert(Client(client_id="c", source="dynamic", created_at=1, expires_at=2))]),
    )
    status = at("db", "status", "--json")
    assert status["path"] == str(tmp_path / ".doorward" / "doorward.sqlite")
    assert (status["records"]["user"], status["records"]["client"]) == (1, 1)
    with sqlite3.connect(status["path"]) as connection:
        assert status["schema_version"] == connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    assert at("db", "purge", "--json") == {"removed": 1, "audit_entries_removed": 0}
    assert "  user" in at("db", "status")
