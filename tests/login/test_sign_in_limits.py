"""Whose wrong passwords slow whom: counted for an account at one address, and for the account in all."""

import pytest
from oauth.given import POLICY, Wrapping

from doorward.clock import CountingEntropy, FixedClock
from doorward.login.sign_in_limits import SignInLimits
from doorward.oauth import limits
from doorward.oauth.errors import TooManyRequests
from doorward.storage.authority import Authority
from doorward.storage.dpop_proofs import DpopProofs
from doorward.storage.memory import MemoryStore

SOCKET_FILE = ""
"""What the address is where a proxy reaches the server over a socket of the file system."""


@pytest.fixture
async def sign_in_limits():
    store, clock = MemoryStore(), FixedClock(1_000_000)
    await store.open()
    proofs = DpopProofs(policy=POLICY, store=store, clock=clock, sealing=Wrapping())
    return SignInLimits(
        Authority(POLICY, store, clock, CountingEntropy(), Wrapping(), proofs, lambda _claims, **_headers: "")
    )


async def right():
    return "ada"


async def wrong():
    return None


async def test_where_addresses_are_unknown_a_right_password_signs_in(sign_in_limits):
    assert await sign_in_limits.check("ada", SOCKET_FILE, right) == "ada"


async def test_where_addresses_are_unknown_wrong_passwords_slow_the_account_down(sign_in_limits):
    for _ in range(limits.FROM_ONE_ADDRESS.free):
        assert await sign_in_limits.check("ada", SOCKET_FILE, wrong) is None
    with pytest.raises(TooManyRequests):
        await sign_in_limits.check("ada", SOCKET_FILE, right)
    assert await sign_in_limits.check("grace", SOCKET_FILE, right) == "ada"
