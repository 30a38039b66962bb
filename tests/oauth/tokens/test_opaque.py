import re

import pytest

from doorward.oauth.tokens import opaque as tokens

RANDOM = bytes(range(32))


@pytest.mark.parametrize("prefix", tokens.PREFIXES)
def test_a_minted_secret_has_its_prefix_and_is_well_formed_for_no_other(prefix):
    value = tokens.mint(prefix, RANDOM)
    assert re.fullmatch(r"dw[arckdsm]_[A-Za-z0-9_-]{48}", value)
    assert value.startswith(prefix)
    assert tokens.is_well_formed(value, prefix)
    assert not tokens.is_well_formed(value, "dwx_")
    assert not tokens.is_well_formed("dwx_" + value[4:], "dwx_")


def test_any_changed_character_breaks_the_checksum():
    value = tokens.mint(tokens.ACCESS_TOKEN, RANDOM)
    for index in range(4, len(value)):
        other = value[:index] + ("A" if value[index] != "A" else "B") + value[index + 1 :]
        assert not tokens.is_well_formed(other, tokens.ACCESS_TOKEN), index


def test_other_spellings_of_the_same_bytes_are_refused():
    value = next(v for v in (tokens.mint("dwa_", bytes([n]) * 32) for n in range(256)) if "-" in v or "_" in v[4:])
    assert not tokens.is_well_formed(value[:4] + value[4:].replace("-", "+").replace("_", "/"), "dwa_")
    for other in (value + "=", value + "\n", f" {value}", value[:30] + "\n" + value[30:], value + "é", "dwa_", ""):
        assert not tokens.is_well_formed(other, "dwa_")


@pytest.mark.requirement("T-09")
@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_secret_is_made_of_exactly_32_random_bytes(length):
    with pytest.raises(ValueError, match="32"):
        tokens.mint(tokens.CODE, bytes(length))


def test_the_digest_is_the_sha256_and_hides_the_secret():
    assert tokens.digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
