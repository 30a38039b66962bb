"""What the audit log and the ordinary log keep of an operation that failed: never what was typed by mistake."""

from __future__ import annotations

import asyncio
import io
import logging
import sys
from urllib.parse import quote

import msgspec
import pytest
from world import ISSUER, world

from doorward.administration.catalogue import OPERATIONS
from doorward.administration.operation import CAPABILITIES
from doorward.cli.main import run
from doorward.directory.accounts import add_user
from doorward.directory.header_tokens import NewHeaderToken, create_header_token
from doorward.records.audit import AuditEntry
from doorward.storage.sqlite import SqliteStore

PASTED = "hunter2 MyP4ssword!"
CHANGING = [each for each in OPERATIONS if each.method != "GET"]
NAMING = [each for each in CHANGING if each.in_path]
ARGUMENTS = {"grants.disconnect": ("--user", PASTED, "--client", PASTED)}
"""Of commands that take a name by an option."""


async def administer(w, method, path, body=None):
    """Do it with a new token, which has the name of the others."""
    ports = (w.door.store, w.clock, w.door.entropy)
    limits = {"scopes": (), "lifetime_seconds": None, "capabilities": CAPABILITIES}
    token, _ = await create_header_token(*ports, NewHeaderToken(name="admin", user_id="owner", **limits))
    headers = {"authorization": f"Bearer {token}"}
    async with w.browser() as http:
        return await http.request(method, f"{ISSUER}/-/api/v1{path}", json=body, headers=headers)


async def failures(directory):
    """Return what the audit log in this directory keeps of each operation that failed."""
    (database,) = directory.rglob("*.sqlite")
    store = SqliteStore(database)
    await store.open()
    try:
        entries = [stored.record for stored in await store.find(AuditEntry)]
    finally:
        await store.close()
    return [each for each in entries if each.event == "administration" and each.outcome == "failed"]


def bodies(operation):
    """Yield a body for each field of the operation, in which that field holds what was pasted."""
    names = [each.name for each in msgspec.structs.fields(operation.parameters) if each.name not in operation.in_path]
    return [{}, *({name: PASTED} for name in names), *({name: [PASTED]} for name in names)]


@pytest.mark.parametrize("operation", CHANGING, ids=lambda each: each.name)
async def test_a_secret_pasted_into_a_request_is_not_logged_when_it_fails(tmp_path, operation, caplog):
    caplog.set_level(logging.DEBUG, "doorward")
    path = operation.path
    for name in operation.in_path:
        path = path.replace(f"{{{name}}}", quote(PASTED))
    async with world(tmp_path) as w:
        statuses = [(await administer(w, operation.method, path, body)).status_code for body in bodies(operation)]
    assert max(statuses) < 500
    failed = await failures(tmp_path)
    assert failed if operation.in_path else max(statuses) >= 400
    assert PASTED not in str(failed)
    assert PASTED not in " ".join(str(vars(record)) for record in caplog.records)


@pytest.mark.parametrize("operation", NAMING, ids=lambda each: each.name)
def test_a_secret_pasted_into_a_command_is_not_kept(tmp_path, monkeypatch, operation):
    monkeypatch.chdir(tmp_path)
    assert run(("users", "add", "alice", "--service")) == 0
    for words in operation.commands:
        monkeypatch.setattr(sys, "stdin", io.StringIO("x" * 20 + "\n"))
        assert run((*words, *ARGUMENTS.get(operation.name, (PASTED,)))) == 2
    assert len(asyncio.run(failures(tmp_path))) == len(operation.commands)
    files = [each for each in tmp_path.rglob("*") if each.is_file()]
    assert not [each for each in files if PASTED.encode() in each.read_bytes()]


@pytest.mark.parametrize(("name", "subject"), [("nightly", "nightly"), ("nobody", None)])
async def test_a_failure_is_audited_with_the_account_if_there_is_one(tmp_path, name, subject):
    async with world(tmp_path) as w:
        await add_user(w.door.store, w.clock, "nightly", kind="service", password=None)
        assert (await administer(w, "PUT", f"/users/{name}/password", {"password": "x"})).status_code in {400, 404}
    (failure,) = await failures(tmp_path)
    assert failure.detail.get("name") == subject


async def test_a_failure_is_audited_with_the_client_token_or_grant_if_there_is_one(tmp_path):
    async with world(tmp_path) as w:
        for _ in range(2):
            made = await administer(w, "POST", "/clients", {"name": "twin", "grants": ["device_code"]})
            assert made.status_code == 201
        assert (await administer(w, "POST", "/clients/twin/secret", {})).status_code == 400
        assert (await administer(w, "DELETE", "/tokens/admin")).status_code == 400
    named = [each.detail.get("client_id") or each.detail.get("token") for each in await failures(tmp_path)]
    assert named == ["twin", "admin"]
