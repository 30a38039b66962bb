"""The meter and the delays, by hand and by clock."""

from __future__ import annotations

import pytest

from doorward.oauth.errors import Reason, TooManyRequests
from doorward.oauth.limits import FROM_ONE_ADDRESS, IN_ALL, Meter, is_trusted, succeeded, taken_back, trying
from doorward.oauth.records import FailedSignIns

NOW = 1_800_000_000


def admitted(meter: Meter, subject: str, now: int, tries: int) -> int:
    """Return how many of so many tries pass."""
    passed = 0
    for _ in range(tries):
        try:
            meter.admit(subject, now)
        except TooManyRequests as refused:
            assert refused.retry_after_seconds >= 1  # noqa: PT017 (others pass)
        else:
            passed += 1
    return passed


def test_a_minutes_worth_passes_at_once_and_then_as_it_comes_free():
    meter = Meter(60)
    assert admitted(meter, "a", NOW, 100) == 60
    assert admitted(meter, "a", NOW + 1, 100) == 1
    assert admitted(meter, "a", NOW + 11, 100) == 10
    assert admitted(meter, "b", NOW + 11, 100) == 60
    assert admitted(meter, "a", NOW + 200, 100) == 60


def test_the_time_to_wait_is_told_and_is_enough():
    for per_minute in (1, 7, 60, 120, 600):
        meter = Meter(per_minute)
        assert admitted(meter, "a", NOW, 1000) == per_minute
        wait = meter.wait_seconds("a", NOW)
        assert 1 <= wait <= 60
        assert meter.wait_seconds("a", NOW + wait) == 0
        assert meter.wait_seconds("a", NOW + wait - 1) > 0


def test_counting_on_never_makes_anybody_wait_longer_than_a_minute():
    meter = Meter(10)
    for _ in range(1000):
        meter.count("a", NOW)
    assert meter.wait_seconds("a", NOW) <= 60
    assert meter.wait_seconds("a", NOW + 60) == 0


def test_zero_means_no_limit():
    meter = Meter(0)
    assert admitted(meter, "a", NOW, 1000) == 1000
    assert len(meter) == 0


def test_memory_is_bounded_and_the_subjects_tried_last_are_remembered():
    meter = Meter(2, subjects_limit=100)
    for number in range(1000):
        meter.count(f"s{number}", NOW)
    assert len(meter) <= 100
    meter.count("s999", NOW)
    assert meter.wait_seconds("s999", NOW) > 0
    for number in range(200):
        meter.count(f"t{number}", NOW + 3600)
    assert len(meter) <= 100


def tries_in(seconds: int, delays, record=None) -> tuple[int, FailedSignIns]:
    """Return how many wrong passwords one who never stops gets in, and what is then known."""
    passed = 0
    for now in range(NOW, NOW + seconds):
        for _ in range(20):
            try:
                record = trying(record, "s", now=now, delays=delays)
            except TooManyRequests as refused:
                assert refused.reason is Reason.SIGN_IN_SLOWED  # noqa: PT017 (others pass)
                break
            passed += 1
    assert record is not None
    return passed, record


def test_five_tries_are_free_and_then_each_waits_twice_as_long():
    record = None
    waits = []
    now = NOW
    for _ in range(16):
        record = trying(record, "s", now=now, delays=FROM_ONE_ADDRESS)
        waits.append(max(0, record.blocked_until - now))
        now += waits[-1]
    assert waits == [0, 0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]


@pytest.mark.parametrize(("delays", "most"), [(FROM_ONE_ADDRESS, 20), (IN_ALL, 200)])
@pytest.mark.requirement("T-09")
def test_guessing_goes_on_for_an_hour_and_gets_nowhere(delays, most):
    passed, record = tries_in(3600, delays)
    assert passed < most
    assert record.blocked_until - (NOW + 3600) <= delays.longest_seconds


def test_without_another_try_all_is_forgotten():
    _, record = tries_in(100, FROM_ONE_ADDRESS)
    fresh = trying(record, "s", now=record.expires_at, delays=FROM_ONE_ADDRESS)
    assert (fresh.failures, fresh.blocked_until) == (1, 0)


def test_the_right_password_forgets_the_wrong_ones_and_makes_the_address_known():
    _, record = tries_in(10, FROM_ONE_ADDRESS)
    known = succeeded(record, now=NOW)
    assert (known.failures, known.blocked_until) == (0, 0)
    assert is_trusted(known, now=NOW + 29 * 86_400)
    assert not is_trusted(known, now=NOW + 30 * 86_400)
    assert not is_trusted(record, now=NOW)
    assert not is_trusted(None, now=NOW)
    again = trying(known, "s", now=NOW + 5, delays=FROM_ONE_ADDRESS)
    assert is_trusted(again, now=NOW + 6)
    assert again.expires_at == NOW + 30 * 86_400


def test_a_try_that_was_right_is_taken_back():
    record = FailedSignIns(subject_digest="s", failures=50, blocked_until=NOW + 1)
    assert taken_back(record, delays=IN_ALL).failures == 49
    assert taken_back(record, delays=IN_ALL).blocked_until == 0
    many = FailedSignIns(subject_digest="s", failures=60, blocked_until=NOW + 30)
    assert taken_back(many, delays=IN_ALL).blocked_until == NOW + 30
    assert taken_back(FailedSignIns(subject_digest="s"), delays=IN_ALL).failures == 0
