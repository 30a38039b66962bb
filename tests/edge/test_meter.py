from __future__ import annotations

from doorward.edge.meter import Meter
from doorward.oauth.errors import TooManyRequests

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
