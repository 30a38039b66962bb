"""`doorward audit`: what is listed and exported, and what a tampered database looks like."""

from __future__ import annotations

import asyncio
import io
import json
import sqlite3

import msgspec
import pytest

from doorward.audit.chain import entry_id
from doorward.audit.events import AuditEvent
from doorward.audit.log import AuditLog
from doorward.cli.main import run
from doorward.clock import FixedClock
from doorward.storage.sqlite import SqliteStore


@pytest.fixture
def at(tmp_path, monkeypatch, capsys):
    """Run commands in an empty directory; returns what they printed."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments, code=0):
        returned = run(arguments)
        printed = capsys.readouterr()
        assert returned == code, printed.err
        return printed.out

    return command


@pytest.fixture
def history(at):
    """Six accounts, each added by a command of its own."""
    for number in range(6):
        at("users", "add", f"user{number}", "--service")
    return at


def in_database(tmp_path, *statements):
    connection = sqlite3.connect(tmp_path / ".doorward" / "doorward.sqlite")
    for sql, values in statements:
        connection.execute(sql, values)
    connection.commit()
    connection.close()


def body_of(tmp_path, number):
    connection = sqlite3.connect(tmp_path / ".doorward" / "doorward.sqlite")
    (body,) = connection.execute("SELECT body FROM record_audit_entry WHERE key = ?", (entry_id(number),)).fetchone()
    connection.close()
    return body


def write_body(number, body):
    return ("UPDATE record_audit_entry SET body = ? WHERE key = ?", (body, entry_id(number)))


def delete(number):
    return ("DELETE FROM record_audit_entry WHERE key = ?", (entry_id(number),))


def forged(tmp_path, number, **fields):
    return msgspec.msgpack.encode({**msgspec.msgpack.decode(body_of(tmp_path, number)), **fields})


def added(tmp_path, number):
    body = forged(tmp_path, number - 1, entry_id=entry_id(number))
    return (
        "INSERT INTO record_audit_entry (key, version, page, body) VALUES (?, 1, '0', ?)",
        (entry_id(number), body),
    )


def swap(tmp_path, one, two):
    first, second = body_of(tmp_path, one), body_of(tmp_path, two)
    return [write_body(one, second), write_body(two, first)]


def test_commands_are_listed_with_who_ran_them(history):
    listed = json.loads(history("audit", "list", "--json"))
    assert [each["event"] for each in listed] == ["user_added", "administration"] * 6
    assert all(each["actor"].startswith("cli:") for each in listed)
    assert "user0" in history("audit", "list")
    assert [each["number"] for each in json.loads(history("audit", "list", "--after", "10", "--json"))] == [11, 12]


def test_all_entries_are_exported_one_a_line(history):
    lines = history("audit", "export").splitlines()
    assert [json.loads(line)["number"] for line in lines] == list(range(1, 13))


@pytest.mark.requirement("AUD-01")
def test_an_untouched_log_is_intact(history):
    assert history("audit", "verify").startswith("Intact: 12 entries.")
    verdict = json.loads(history("audit", "verify", "--json"))
    assert (verdict["intact"], verdict["entries"], verdict["broken_at"]) == (True, 12, None)


@pytest.mark.requirement("AUD-01")
@pytest.mark.parametrize(
    ("tamper", "broken_at"),
    [
        (lambda path: [write_body(5, forged(path, 5, actor="cli:somebody"))], 5),
        (lambda path: [write_body(5, forged(path, 5, hash="0" * 64))], 5),
        (lambda path: [delete(5)], 5),
        (lambda path: [delete(12)], 12),
        (lambda path: [delete(number) for number in range(1, 13)], 1),
        (lambda path: swap(path, 5, 7), 5),
        (lambda path: [("DELETE FROM record_audit_head", ())], 1),
        (lambda path: [added(path, 13)], 13),
        (lambda path: [write_body(12, forged(path, 12, page="9"))], 12),
    ],
    ids=["changed", "hash", "deleted", "last deleted", "all deleted", "swapped", "head deleted", "added", "moved"],
)
def test_the_first_broken_entry_is_named(history, tmp_path, tamper, broken_at):
    in_database(tmp_path, *tamper(tmp_path))
    verdict = json.loads(history("audit", "verify", "--json", code=1))
    assert (verdict["intact"], verdict["broken_at"]) == (False, broken_at)
    assert f"Broken at entry {broken_at}:" in history("audit", "verify", code=1)


@pytest.mark.requirement("K-01")
def test_no_secret_of_a_command_is_written_down(at, monkeypatch):
    secrets = ["correct horse battery"]
    monkeypatch.setattr("sys.stdin", io.StringIO(secrets[0] + "\n"))
    at("users", "add", "ann", "--password-stdin")
    secrets.append(json.loads(at("tokens", "create", "--name", "t", "--user", "ann", "--json"))["token"])
    client = json.loads(at("clients", "add", "--redirect-uri", "https://client.example/cb", "--json"))
    secrets.append(client["client_secret"])
    secrets.append(json.loads(at("users", "password", "ann", "--json"))["password"])
    exported = at("audit", "export")
    assert client["client_id"] in exported
    assert not [secret for secret in secrets if secret in exported]


def test_a_token_for_administration_is_made_with_its_capabilities(at):
    made = json.loads(at("tokens", "create", "--name", "ops", "--capability", "admin:read", "--json"))
    assert made["capabilities"] == ["admin:read"]
    assert made["scopes"] == []
    text = at("tokens", "create", "--name", "ops2", "--capability", "admin:read")
    assert "/-/api/v1/clients" in text
    at("tokens", "create", "--name", "x", "--capability", "admin:all", code=2)
    at("tokens", "create", "--name", "x", "--capability", "admin:read", "--scope", "mcp", code=2)


def test_old_entries_are_purged_and_the_rest_is_still_proved(history, tmp_path):
    # An entry of each command is from long ago, as far as its time goes.
    in_database(tmp_path, *[("DELETE FROM record_audit_entry", ()), ("DELETE FROM record_audit_head", ())])
    store = SqliteStore(tmp_path / ".doorward" / "doorward.sqlite")

    async def long_ago() -> None:
        await store.open()
        audit = AuditLog(store, FixedClock(1_000_000_000))
        for number in range(7):
            audit.write(AuditEvent(event="test", detail={"number": str(number)}))
        await audit.stop()
        await store.close()

    asyncio.run(long_ago())
    history("users", "add", "late", "--service")
    assert json.loads(history("db", "purge", "--json")) == {"removed": 0, "audit_entries_removed": 7}
    assert "7 older ones were removed" in history("audit", "verify")
    assert json.loads(history("audit", "verify", "--json"))["removed"] == 7
    assert "audit entries" not in history("db", "purge")
