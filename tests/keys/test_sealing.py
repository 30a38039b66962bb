from __future__ import annotations

import pytest

from doorward.clock import CountingEntropy
from doorward.keys.sealing import Sealer

KEYS = {b"old1": b"o" * 32, b"new1": b"n" * 32}


def sealer(purpose: str = "reply", current: bytes = b"new1", keys=KEYS) -> Sealer:
    return Sealer(purpose, current, keys, CountingEntropy())


@pytest.mark.parametrize("plain", [b"", b"x", b"\x00" * 100_000])
@pytest.mark.parametrize("context", [b"", b"client"])
def test_what_was_sealed_is_unsealed(plain, context):
    sealed = sealer().seal(plain, context)
    assert sealed != plain
    assert sealer().unseal(sealed, context) == plain


def test_the_same_bytes_are_sealed_differently_each_time():
    one = sealer()
    assert one.seal(b"x") != one.seal(b"x")


def test_another_purpose_does_not_open_it():
    assert sealer("mcp_session").unseal(sealer("reply").seal(b"x")) is None


@pytest.mark.parametrize("context", [b"", b"other", b"clien", b"client\x00"])
def test_another_context_does_not_open_it(context):
    assert sealer().unseal(sealer().seal(b"x", b"client"), context) is None


def test_an_older_key_still_opens_what_it_sealed():
    sealed = sealer(current=b"old1").seal(b"x")
    assert sealer(current=b"new1").unseal(sealed) == b"x"


def test_a_key_that_was_removed_opens_nothing():
    sealed = sealer(current=b"old1").seal(b"x")
    assert sealer(keys={b"new1": KEYS[b"new1"]}).unseal(sealed) is None


def test_another_key_under_the_same_id_opens_nothing():
    assert sealer(keys={b"new1": b"z" * 32}).unseal(sealer().seal(b"x")) is None


def test_a_change_of_any_one_byte_is_noticed():
    sealed = sealer().seal(b"secret", b"client")
    for position in range(len(sealed)):
        forged = bytearray(sealed)
        forged[position] ^= 1
        assert sealer().unseal(bytes(forged), b"client") is None


def test_a_key_id_swapped_for_another_known_one_is_noticed():
    sealed = sealer().seal(b"secret")
    assert sealer().unseal(sealed.replace(b"new1", b"old1", 1)) is None


def test_a_shorter_or_longer_value_is_noticed():
    sealed = sealer().seal(b"secret")
    for length in range(len(sealed)):
        assert sealer().unseal(sealed[:length]) is None
    assert sealer().unseal(sealed + b"\x00") is None
