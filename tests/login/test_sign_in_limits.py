"""Which wrong passwords slow which attempts: counted per account and address, and per account in total."""

import pytest
from oauth.given import POLICY, Wrapping

from doorward.authority.authority import Authority
from doorward.authority.dpop_proofs import DpopProofs
from doorward.clock import CountingEntropy, FixedClock
from doorward.login import delays as limits
from doorward.login.sign_in_limits import SignInLimits
from doorward.oauth.errors import TooManyRequests
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


@pytest.mark.parametrize(
    "spelled",
    [
        lambda number: f"198.51.{number % 4}.{number // 4 % 250 + 1}",
        lambda number: f"203.{number % 250}.{number // 250}.7",
        lambda number: f"2001:db8:{number:x}::",
    ],
    ids=["few networks", "a network for each", "IPv6"],
)
async def test_hundreds_of_addresses_do_not_keep_the_owner_out_of_a_new_one(sign_in_limits, spelled):
    clock = sign_in_limits.tries.authority.clock

    async def tries(address, look):
        try:
            return await sign_in_limits.check("ada", address, look)
        except TooManyRequests as refused:
            return refused.retry_after_seconds

    for number in range(60):
        await tries(spelled(number), wrong)
    waited, asked = 0, 0
    while (outcome := await tries("192.0.2.9", right)) != "ada":
        waited += 3
        for _ in range(9):  # far more often than the owner, from three hundred addresses in turn
            asked += 1
            await tries(spelled(asked % 300), wrong)
        clock.advance(3)
        assert waited <= 700, outcome
    assert asked > 0 or waited == 0


async def test_an_address_that_guessed_wrong_gains_nothing_by_asking_on(sign_in_limits):
    clock = sign_in_limits.tries.authority.clock
    for number in range(60):
        try:
            await sign_in_limits.check("ada", f"198.51.100.{number}", wrong)
        except TooManyRequests:
            continue
    looked = []

    async def counted():
        looked.append(clock.now())

    for _ in range(600):
        for number in range(3):
            try:
                await sign_in_limits.check("ada", f"203.0.113.{number}", counted)
            except TooManyRequests:
                continue
        clock.advance(1)
    # One turn each, and what becomes free for everybody every thirty seconds.
    assert len(looked) <= 3 + 600 // limits.IN_ALL.longest_seconds + 1
