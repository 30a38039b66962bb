"""Used proofs on every backend: of any number of nodes that get one proof, a single one takes it."""

from __future__ import annotations

import asyncio

import pytest
from oauth.given import NOW, POLICY, Wrapping
from oauth.proofs import Holder

from doorward.authority.dpop_proofs import DpopProofs
from doorward.clock import FixedClock
from doorward.oauth.errors import InvalidDpopProof, Reason, UseDpopNonce
from doorward.records.oauth import SeenProof

URL = "https://door.example/token"
URLS = frozenset({URL})
ANN = Holder()


def node(store, clock: FixedClock | None = None) -> DpopProofs:
    return DpopProofs(policy=POLICY, store=store, clock=clock or FixedClock(NOW), sealing=Wrapping())


@pytest.mark.requirement("RFC9449-11.1")
async def test_of_sixteen_uses_at_two_nodes_one_counts(store):
    nodes = [node(store), node(store)]
    proof = ANN.proof(url=URL, now=NOW)

    async def use(number: int) -> str:
        at = nodes[number % 2]
        try:
            await at.use(at.check([proof], method="POST", urls=URLS))
        except InvalidDpopProof as error:
            return error.reason
        return "counted"

    outcomes = await asyncio.gather(*(use(number) for number in range(16)))
    assert sorted(outcomes) == ["counted"] + [Reason.REPLAYED_PROOF] * 15


async def test_a_used_proof_is_kept_while_any_clock_could_take_it_and_then_removed(store):
    clock = FixedClock(NOW)
    at = node(store, clock)
    await at.use(at.check([ANN.proof(url=URL, now=NOW)], method="POST", urls=URLS))
    for minutes in range(1, 12):
        clock.at = NOW + minutes * 60
        await at.use(at.check([ANN.proof(url=URL, now=clock.now())], method="POST", urls=URLS))
        first_is_kept = any(each.record.expires_at == NOW + 61 for each in await store.find(SeenProof))
        # It was good for one minute; others' clocks may be a few behind.
        assert first_is_kept or minutes > 5
    assert not first_is_kept


async def test_no_proof_and_two_proofs_are_refused(store):
    for lines, reason in (([], Reason.MISSING_PROOF), ([ANN.proof(url=URL, now=NOW)] * 2, Reason.MALFORMED_PROOF)):
        with pytest.raises(InvalidDpopProof) as refused:
            node(store).check(lines, method="POST", urls=URLS)
        assert refused.value.reason is reason


@pytest.mark.parametrize(("age", "fresh"), [(0, False), (150, False), (151, True), (299, True), (-60, False)])
async def test_a_nonce_is_renewed_when_half_its_time_is_over(store, age, fresh):
    earlier = FixedClock(NOW - age)
    with pytest.raises(UseDpopNonce) as asked:
        node(store, earlier).check([ANN.proof(url=URL, now=NOW - age, nonce="old")], method="POST", urls=URLS)
    checked = node(store).check([ANN.proof(url=URL, now=NOW, nonce=asked.value.nonce)], method="POST", urls=URLS)
    assert (checked.fresh_nonce is not None) == fresh


@pytest.mark.parametrize("age", [300, 100_000, -61])
async def test_a_nonce_that_is_too_old_or_from_the_future_is_answered_with_a_new_one(store, age):
    earlier = FixedClock(NOW - age)
    with pytest.raises(UseDpopNonce) as asked:
        node(store, earlier).check([ANN.proof(url=URL, now=NOW - age, nonce="old")], method="POST", urls=URLS)
    with pytest.raises(UseDpopNonce):
        node(store).check([ANN.proof(url=URL, now=NOW, nonce=asked.value.nonce)], method="POST", urls=URLS)
