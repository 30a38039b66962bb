"""Who gets a turn to try a password while strangers use up the tries of an account, and how many guesses follow."""

from __future__ import annotations

from doorward.login.turns import (
    NEW_NETWORK_SECONDS,
    SAME_NETWORK_SECONDS,
    TURN_LASTS_SECONDS,
    Line,
    turn_of,
)
from doorward.records.accounts import FailedSignIns

NOW = 1_000_000


class Name:
    """One account: its record, and those of every address and network that asked for it."""

    def __init__(self) -> None:
        self.everywhere = FailedSignIns(subject_digest="everywhere")
        self.known: dict[str, FailedSignIns] = {}

    def asks(self, address: str, now: int, *, network: str = "") -> int | None:
        """Return how long the address waits: 0 when it may try, None when it has no turn."""
        network = network or address
        keys = (f"address {address}", f"network {network}")
        here, around = (self.known.get(key, FailedSignIns(subject_digest=key)) for key in keys)
        turn = turn_of(Line(self.everywhere, here, around), try_id=address, now=now)
        if turn is None:
            return None
        self.everywhere, self.known[keys[0]], self.known[keys[1]] = turn.line
        return turn.wait_seconds


def test_the_first_address_goes_at_once_and_each_further_one_later():
    name = Name()
    waits = [name.asks(f"a{number}", NOW) for number in range(4)]
    assert waits == [0, NEW_NETWORK_SECONDS, 2 * NEW_NETWORK_SECONDS, 3 * NEW_NETWORK_SECONDS]


def test_a_turn_stands_whatever_others_do_and_comes_once():
    name = Name()
    name.asks("first", NOW)
    wait = name.asks("owner", NOW)
    for number in range(200):
        name.asks(f"stranger {number}", NOW)
    assert name.asks("owner", NOW + wait - 1) == 1
    assert name.asks("owner", NOW + wait) == 0
    assert name.asks("owner", NOW + wait) is None


def test_an_address_with_a_wrong_password_has_no_turn():
    wrong = FailedSignIns(subject_digest="here", failures=1)
    new = FailedSignIns(subject_digest="x")
    assert turn_of(Line(new, wrong, new), try_id="t", now=NOW) is None


def test_addresses_of_one_network_hold_up_nobody_in_another():
    name = Name()
    for number in range(500):
        name.asks(f"s{number}", NOW, network="theirs")
    assert name.asks("owner", NOW + NEW_NETWORK_SECONDS, network="the owner's") == 0


def test_guesses_are_bounded_by_the_spacing_of_the_turns():
    name, tried = Name(), 0
    for second in range(600):
        # Twenty new addresses a second in twenty networks, and those of a minute ago once more.
        for asked in {second, max(0, second - 60)}:
            for number in range(20):
                tried += name.asks(f"a{asked}-{number}", NOW + second, network=f"n{number}") == 0
    assert tried <= 600 // NEW_NETWORK_SECONDS + 600 // SAME_NETWORK_SECONDS + 2


def test_a_turn_that_is_not_taken_is_over_after_a_while():
    name = Name()
    name.asks("first", NOW)
    wait = name.asks("owner", NOW)
    assert name.asks("owner", NOW + wait + TURN_LASTS_SECONDS - 1) == 0
    wait = name.asks("late", NOW)
    assert name.asks("other", NOW + wait + TURN_LASTS_SECONDS, network="late") == 0
