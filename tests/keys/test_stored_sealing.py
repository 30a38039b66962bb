"""Values that another node sealed with a new key: the first process to need one loads the key."""

from __future__ import annotations

import pytest
from world import world

from doorward.clock import SystemEntropy
from doorward.errors import KeyNotKnown, Problem, StartError, Unavailable
from doorward.keys.ring import Keys
from doorward.keys.rotation import Rotation
from doorward.keys.sealing import Sealer
from doorward.keys.stored_sealing import StoredSealer

OLD, NEW = {b"old!": bytes(32)}, {b"new!": bytes(range(32))}


class Ring:
    """A key ring that this process has not looked at lately."""

    def __init__(self, **found: dict[bytes, bytes]) -> None:
        self.sealer = Sealer("reply", b"old!", OLD, SystemEntropy())
        self.found = found.get("found", {})
        self.looked = 0

    async def refresh(self) -> None:
        self.looked += 1
        self.sealer.use(b"old!", {**OLD, **self.found})


def by_another_node(plain: bytes) -> bytes:
    return Sealer("reply", b"new!", NEW, SystemEntropy()).seal(plain, b"whose")


async def test_a_key_that_is_new_is_learned():
    ring = Ring(found=NEW)
    sealer, sealed = StoredSealer(ring.sealer, ring.refresh), by_another_node(b"reply")
    with pytest.raises(KeyNotKnown) as unknown:
        sealer.unseal(sealed, b"whose")
    await unknown.value.learn()
    assert sealer.unseal(sealed, b"whose") == b"reply"
    assert sealer.unseal(sealed, b"somebody else's") is None


async def test_a_key_that_is_gone_is_looked_for_once():
    ring = Ring()
    sealer, sealed = StoredSealer(ring.sealer, ring.refresh), by_another_node(b"reply")
    with pytest.raises(KeyNotKnown) as unknown:
        sealer.unseal(sealed, b"whose")
    await unknown.value.learn()
    assert [sealer.unseal(sealed, b"whose") for _ in range(3)] == [None] * 3
    assert ring.looked == 1


@pytest.mark.parametrize("fault", [Unavailable("down"), StartError(Problem("another master key"))])
async def test_a_ring_that_cannot_be_read_is_no_verdict_about_the_value(fault):
    async def refresh() -> None:
        raise fault

    sealer, sealed = StoredSealer(Ring().sealer, refresh), by_another_node(b"reply")
    for _ in range(2):
        with pytest.raises(KeyNotKnown) as unknown:
            sealer.unseal(sealed, b"whose")
        with pytest.raises(Unavailable):
            await unknown.value.learn()


def test_what_was_changed_asks_for_no_key():
    ring = Ring()
    sealer = StoredSealer(ring.sealer, ring.refresh)
    sealed = sealer.seal(b"reply", b"whose")
    assert sealer.unseal(sealed[:-1] + bytes([sealed[-1] ^ 1]), b"whose") is None
    assert sealer.unseal(sealed, b"whose") == b"reply"


async def test_a_refresh_that_is_repeated_on_a_node_without_the_new_key_gets_the_same_successor(tmp_path):
    async with world(tmp_path) as old:
        client_id = (await old.register())["client_id"]
        tokens = (await old.redeem(client_id, await old.code(client_id))).json()
        keys = await Keys.load(old.door.store, tmp_path / "data", old.clock, SystemEntropy())
        await Rotation(old.door.store, keys, old.clock, old.door.policy).rotate("encryption", at_once=True)
        old.clock.advance(1)
        form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": tokens["refresh_token"]}
        async with world(tmp_path, clock=old.clock) as new:
            first = await new.token(**form)
        again = await old.token(**form)
        assert (first.status_code, again.status_code) == (200, 200), again.text
        assert again.json() == first.json()
