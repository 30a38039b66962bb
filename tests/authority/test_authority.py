"""The loop load, decide, apply, when many requests want to change one record at the same moment."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from oauth.given import POLICY, Wrapping

from doorward.authority.authority import Authority
from doorward.authority.dpop_proofs import DpopProofs
from doorward.clock import CountingEntropy, FixedClock
from doorward.errors import Unavailable
from doorward.records.accounts import FailedSignIns, User
from doorward.records.changes import Decision, Expect, Insert, Replace
from doorward.records.oauth import Client
from doorward.storage.memory import MemoryStore

CROWD = 60


def an_authority(store: MemoryStore) -> Authority:
    clock, sealing = FixedClock(), Wrapping()
    proofs = DpopProofs(policy=POLICY, store=store, clock=clock, sealing=sealing)
    return Authority(POLICY, store, clock, CountingEntropy(), sealing, proofs, lambda _claims, **_headers: "")


@pytest.fixture
async def authority():
    store = MemoryStore()
    await store.open()
    await store.apply([Insert(FailedSignIns(subject_digest="s"))])
    await store.apply([Insert(Client(client_id="c", source="registered", created_at=0))])
    yield an_authority(store)
    await store.close()


async def loaded(authority: Authority, kind: Any, key: str) -> Any:
    """Load a record, and let every other request do so before it is changed."""
    stored = await authority.store.get(kind, key)
    await asyncio.sleep(0)
    assert stored is not None
    return stored


async def test_a_crowd_on_one_record_is_served_to_the_last(authority):
    async def count() -> Decision[int]:
        stored = await loaded(authority, FailedSignIns, "s")
        counted = msgspec.structs.replace(stored.record, failures=stored.record.failures + 1)
        return Decision(counted.failures, (Replace(counted, stored.version),))

    replies = await asyncio.gather(*[authority.decide(count) for _ in range(CROWD)])
    assert sorted(replies) == list(range(1, CROWD + 1))


async def test_a_crowd_on_several_records_in_either_order_is_served_too(authority):
    async def change(number: int) -> Decision[int]:
        sign_ins = await loaded(authority, FailedSignIns, "s")
        client = await loaded(authority, Client, "c")
        counted = msgspec.structs.replace(sign_ins.record, failures=sign_ins.record.failures + 1)
        both = (Replace(counted, sign_ins.version), Replace(client.record, client.version))
        added = Insert(User(user_id=str(number), created_at=0))
        return Decision(number, (added, *(both if number % 2 else reversed(both))))

    replies = await asyncio.gather(*[authority.decide(lambda n=n: change(n)) for n in range(CROWD)])
    assert replies == list(range(CROWD))


async def test_a_decision_that_can_never_be_applied_is_given_up(authority):
    attempts = []

    async def stale() -> Decision[None]:
        attempts.append(1)
        return Decision(None, (Expect(Client, "c", -1),))

    with pytest.raises(Unavailable):
        await authority.decide(stale)
    assert 2 < len(attempts) < 20
