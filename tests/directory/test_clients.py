"""Ending a grant, as an administrator does it."""

from __future__ import annotations

import msgspec
import pytest
from storage.samples import least

from doorward.clock import FixedClock
from doorward.directory.clients import revoke_grant
from doorward.errors import ConfigError
from doorward.oauth.authorization.consent import consent_id
from doorward.records.changes import Insert
from doorward.records.oauth import Consent, Grant
from doorward.storage.memory import MemoryStore

CLOCK = FixedClock()
BETWEEN = {
    "user_id": "ann",
    "client_id": "app",
    "redirect_uri": "https://app.example/cb",
    "resource": "https://mcp.example.com/mcp",
}


def grant_of(**changes) -> Grant:
    return msgspec.structs.replace(least(Grant, "grant"), revoked_at=None, **BETWEEN, **changes)


def consent_of(**changes) -> Consent:
    between = {**BETWEEN, **changes}
    return msgspec.structs.replace(least(Consent, consent_id(**between)), **between)


async def consents_after(*records) -> list[str]:
    """End the grant, and return the resources and redirect URIs of the consents that are left."""
    store = MemoryStore()
    await store.open()
    await store.apply([Insert(each) for each in records])
    await revoke_grant(store, CLOCK, "grant")
    assert (await store.get(Grant, "grant")).record.revoked_at is not None
    return sorted(f"{each.record.resource} {each.record.redirect_uri}" for each in await store.find(Consent))


async def test_the_consent_behind_a_grant_goes_with_it_so_that_the_client_must_ask_again():
    assert await consents_after(grant_of(), consent_of()) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("resource", "https://mcp.example.com/other/mcp"),
        ("redirect_uri", "https://app.example/other"),
        ("user_id", "bob"),
        ("client_id", "other"),
    ],
)
async def test_another_consent_stays(name: str, value: str):
    assert len(await consents_after(grant_of(), consent_of(), consent_of(**{name: value}))) == 1


async def test_a_grant_that_ended_before_still_takes_its_consent_along():
    store = MemoryStore()
    await store.open()
    ended = msgspec.structs.replace(grant_of(), revoked_at=CLOCK.now() - 5, revoked_reason="revoked_by_client")
    await store.apply([Insert(ended), Insert(consent_of())])
    assert await revoke_grant(store, CLOCK, "grant") is False
    assert await store.find(Consent) == []
    assert (await store.get(Grant, "grant")).record.revoked_reason == "revoked_by_client"


async def test_a_grant_that_is_unknown_is_said_to_be():
    store = MemoryStore()
    await store.open()
    with pytest.raises(ConfigError, match="there is no grant"):
        await revoke_grant(store, CLOCK, "nothing")
