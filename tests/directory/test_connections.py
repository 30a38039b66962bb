"""What a user has allowed: one entry for each client, and the end of all that stands behind it."""

from __future__ import annotations

import pytest

from doorward.clock import FixedClock
from doorward.directory.connections import disconnect, list_connections, withdrawn_with
from doorward.oauth.authorization.consent import consent_id
from doorward.records.changes import Delete, Insert
from doorward.records.oauth import AccessToken, Client, Consent, Grant
from doorward.storage.memory import MemoryStore

CLOCK = FixedClock()
NOW = CLOCK.now()
DOOR, NOTES = "https://door.example/mcp", "https://door.example/notes/mcp"
CALLBACK = "https://client.example/cb"


def a_grant(grant_id: str, **changes) -> Grant:
    values = {
        "user_id": "ann",
        "client_id": "c1",
        "redirect_uri": CALLBACK,
        "scopes": ("read",),
        "resource": DOOR,
        "created_at": NOW - 100,
    }
    return Grant(grant_id=grant_id, **(values | changes))


def a_consent(**changes) -> Consent:
    values = {"user_id": "ann", "client_id": "c1", "redirect_uri": CALLBACK, "resource": DOOR}
    key = consent_id(**(values | {name: value for name, value in changes.items() if name in values}))
    return Consent(
        consent_id=key,
        **(
            {"scopes": ("read",), "created_at": NOW - 200, "given_at": NOW - 200, "description_digest": ""}
            | values
            | changes
        ),
    )


@pytest.fixture
async def store():
    store = MemoryStore()
    await store.open()
    await store.apply([Insert(Client(client_id="c1", source="registered", client_name="One", created_at=0))])
    return store


async def test_grants_and_consents_of_a_client_are_one_connection_by_door(store):
    records = [
        a_grant("g1"),
        a_grant("g2", scopes=("write",)),
        a_consent(),
        a_consent(resource=NOTES, scopes=("notes",)),
    ]
    await store.apply([Insert(each) for each in records])
    (found,) = await list_connections(store, CLOCK, "ann")
    assert (found.client_name, found.is_verified, found.redirect_uris) == ("One", True, (CALLBACK,))
    assert {each.resource: each.scopes for each in found.allowed} == {DOOR: ("read", "write"), NOTES: ("notes",)}
    assert sorted(found.grant_ids) == ["g1", "g2"]
    assert (found.connected_at, found.last_used_at) == (NOW - 200, None)


async def test_what_has_ended_and_what_others_allowed_is_not_listed(store):
    ended = [
        a_grant("revoked", revoked_at=NOW - 1),
        a_grant("expired", expires_at=NOW),
        a_grant("other", user_id="bob"),
        a_consent(expires_at=NOW),
    ]
    await store.apply([Insert(each) for each in ended])
    assert await list_connections(store, CLOCK, "ann") == []


async def test_the_connection_that_was_used_last_comes_first(store):
    token = AccessToken(
        access_digest="a", grant_id="g1", client_id="c1", user_id="ann", scopes=(), resource=DOOR, created_at=NOW - 5
    )
    await store.apply(
        [Insert(a_grant("g1")), Insert(a_grant("g2", client_id="c2", created_at=NOW - 10)), Insert(token)]
    )
    found = await list_connections(store, CLOCK, "ann")
    assert [(each.client_id, each.last_used_at) for each in found] == [("c1", NOW - 5), ("c2", None)]
    assert (found[1].client_name, found[1].is_verified) == ("", False)


async def test_disconnecting_ends_the_grants_and_withdraws_the_consents_of_that_client_alone(store):
    other = a_grant("g2", client_id="c2")
    await store.apply([Insert(a_grant("g1")), Insert(other), Insert(a_consent())])
    assert await disconnect(store, CLOCK, "ann", "c1") is True
    assert (await store.get(Grant, "g1")).record.revoked_at == NOW
    assert (await store.get(Grant, "g2")).record == other
    assert await store.find(Consent) == []
    assert await disconnect(store, CLOCK, "ann", "c1") is False


async def test_disconnecting_from_one_door_leaves_the_other(store):
    await store.apply(
        [
            Insert(a_grant("g1")),
            Insert(a_grant("g2", resource=NOTES)),
            Insert(a_consent()),
            Insert(a_consent(resource=NOTES)),
        ]
    )
    assert await disconnect(store, CLOCK, "ann", "c1", resource=NOTES) is True
    (left,) = await list_connections(store, CLOCK, "ann")
    assert [each.resource for each in left.allowed] == [DOOR]
    assert [each.record.resource for each in await store.find(Consent)] == [DOOR]
    assert (await store.get(Grant, "g2")).record.revoked_at == NOW
    assert await disconnect(store, CLOCK, "ann", "c1", resource=NOTES) is False


async def test_a_grant_takes_along_the_consent_behind_it_and_no_other(store):
    consent = a_consent()
    await store.apply([Insert(consent), Insert(a_consent(resource=NOTES))])
    version = (await store.get(Consent, consent.consent_id)).version
    assert await withdrawn_with(store, a_grant("g1")) == [Delete(Consent, consent.consent_id, version)]
    assert await withdrawn_with(store, a_grant("g1", client_id="c9")) == []
    assert await withdrawn_with(store, a_grant("g1", redirect_uri="")) == []
