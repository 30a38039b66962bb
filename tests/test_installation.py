"""Server and command line open one and the same installation."""

from __future__ import annotations

import pytest
from world import world

from doorward.administration import clients
from doorward.administration.operation import Administration, run
from doorward.cli.operations import administered
from doorward.clock import FixedClock
from doorward.config.load import from_keywords
from doorward.errors import Unavailable
from doorward.installation import Installation
from doorward.records.accounts import User
from doorward.records.audit import AuditEntry
from doorward.records.oauth import Client

CLOCK = FixedClock()
MINE = clients.AddClient(name="Mine", redirect_uris=("https://a.example/cb",))


def settings(tmp_path, **values):
    return from_keywords({"data_dir": tmp_path / "data", **values}, tmp_path)


async def test_what_is_sealed_by_one_opening_is_opened_by_the_next(tmp_path):
    first = await Installation.open(settings(tmp_path))
    sealed = first.keys.sealer("anything").seal(b"secret")
    await first.close()
    second = await Installation.open(settings(tmp_path))
    assert second.keys.sealer("anything").unseal(sealed) == b"secret"
    await second.close()


async def test_a_change_by_a_command_is_in_the_audit_log_of_the_server(tmp_path):
    async with world(tmp_path) as w:
        here = await Installation.open(w.door.config)

        async def add(administration: Administration):
            return await run(clients.ADD, administration, MINE)

        made = await administered(here, add)
        await here.close()
        assert await w.door.store.get(Client, made.client_id) is not None
        entries = [each.record for each in await w.door.store.find(AuditEntry)]
    (added,) = [each for each in entries if each.event == "client_registered"]
    assert added.actor.startswith("cli:")


async def test_closing_writes_out_what_waits_in_memory(tmp_path):
    here = await Installation.open(settings(tmp_path), clock=CLOCK)
    await run(clients.ADD, Administration.of(here), MINE)
    assert not await here.plain_store.find(AuditEntry)
    await here.close()
    again = await Installation.open(settings(tmp_path), clock=CLOCK)
    assert await again.plain_store.find(AuditEntry)
    await again.close()


async def test_the_store_is_closed_even_if_the_audit_log_cannot_be_written(tmp_path, monkeypatch):
    here = await Installation.open(settings(tmp_path))

    async def broken():
        raise TypeError

    monkeypatch.setattr(here.audit, "stop", broken)
    with pytest.raises(TypeError):
        await here.close()
    with pytest.raises(Unavailable):
        await here.plain_store.get(User, "")
