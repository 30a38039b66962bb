"""Guesses of a device's code: counted for a person, and not forgiven by a right one."""

from __future__ import annotations

import pytest
from oauth.given import POLICY, Wrapping

from doorward.authority.authority import Authority
from doorward.authority.dpop_proofs import DpopProofs
from doorward.clock import CountingEntropy, FixedClock
from doorward.login.device_tries import DELAYS, DeviceTries
from doorward.oauth.errors import TooManyRequests
from doorward.storage.memory import MemoryStore


@pytest.fixture
async def given():
    store, clock = MemoryStore(), FixedClock(1_000_000)
    await store.open()
    proofs = DpopProofs(policy=POLICY, store=store, clock=clock, sealing=Wrapping())
    authority = Authority(POLICY, store, clock, CountingEntropy(), Wrapping(), proofs, lambda _claims, **_headers: "")
    return DeviceTries(authority), clock


async def right() -> str:
    return "the device"


async def wrong() -> None:
    return None


async def guesses_until_refused(tries: DeviceTries, user_id: str) -> int:
    for number in range(100):
        try:
            assert await tries.check(user_id, wrong) is None
        except TooManyRequests:
            return number
    raise AssertionError


async def test_after_the_free_guesses_a_person_waits_and_others_do_not(given):
    tries, clock = given
    assert await guesses_until_refused(tries, "ann") == DELAYS.free
    with pytest.raises(TooManyRequests):
        await tries.check("ann", right)
    assert await tries.check("bob", right) == "the device"
    clock.advance(DELAYS.first_seconds)
    assert await tries.check("ann", right) == "the device"


async def test_a_right_code_buys_no_further_guesses(given):
    tries, _ = given
    for _ in range(DELAYS.free - 1):
        await tries.check("ann", wrong)
    assert await tries.check("ann", right) == "the device"
    assert await guesses_until_refused(tries, "ann") == 1
