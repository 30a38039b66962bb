"""Each parser on some hundred inputs: bytes of any kind, and good input with a few bytes changed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz import redirect_pairs, targets
from fuzz.targets import TARGETS, Target

MARKS = b'%&=+:;,./\\"{}[]()<>@#?*\r\n\t \x00\x7f\xc3\xa9'
EXAMPLES = 120
PAIRS = 20_000


def mutations(seeds: tuple[bytes, ...]) -> st.SearchStrategy[bytes]:
    """Return input made of a seed with one stretch replaced, or repeated."""
    piece = st.binary(max_size=12) | st.lists(st.sampled_from(list(MARKS)), max_size=6).map(bytes)

    def change(seed: bytes, start: int, size: int, new: bytes, times: int) -> bytes:
        start %= len(seed) + 1
        return seed[:start] + new * times + seed[start + size :]

    edits = (st.integers(0, 400), st.integers(0, 8), piece, st.integers(1, 3))
    return st.builds(change, st.sampled_from(seeds), *edits)


@pytest.mark.requirement("U-09")
@pytest.mark.parametrize("name", TARGETS)
def test_whatever_is_sent_is_taken_or_refused(name: str):
    target = TARGETS[name]

    @settings(max_examples=EXAMPLES, deadline=None, database=None)
    @given(mutations(target.seeds) | st.binary(max_size=300))
    def holds(data: bytes) -> None:
        target.survives(data)

    holds()


def test_a_parser_that_lets_another_exception_out_is_caught():
    weak = Target(lambda data: data.decode().split(":")[1], (UnicodeDecodeError,), (b"a:b",))

    @settings(max_examples=EXAMPLES, deadline=None, database=None)
    @given(mutations(weak.seeds) | st.binary(max_size=300))
    def holds(data: bytes) -> None:
        weak.survives(data)

    with pytest.raises(IndexError):
        holds()


@pytest.mark.requirement("A-01")
def test_the_second_matcher_of_redirect_uris_notices_a_lax_one(monkeypatch):
    pair = TARGETS["redirect URI pair"]
    assert pair.survives(b"https://a.example/cb\nhttps://a.example/cb.evil")
    monkeypatch.setattr(targets, "matches", lambda registered, presented: presented.startswith(registered))
    with pytest.raises(AssertionError, match="was taken for"):
        pair.survives(b"https://a.example/cb\nhttps://a.example/cb.evil")


@pytest.mark.requirement("A-01")
def test_of_pairs_that_nearly_match_ours_takes_no_more_than_the_second_matcher():
    found = redirect_pairs.campaign(PAIRS)
    assert found["kept"] == []
    assert found["taken"] > PAIRS / 200, "next to nothing matched: the pairs have gone stale"


@pytest.mark.requirement("A-01", weak=True)
def test_a_matcher_that_forgives_the_port_of_any_host_is_caught(monkeypatch):
    def without_port(uri: str) -> str:
        return re.sub(r":\d+", "", uri)

    monkeypatch.setattr(targets, "matches", lambda registered, sent: without_port(registered) == without_port(sent))
    assert redirect_pairs.campaign(PAIRS)["finds"]
