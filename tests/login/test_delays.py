"""The meter and the delays, by hand and by clock."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.login.delays import (
    AT_WORK_SECONDS,
    FROM_ONE_ADDRESS,
    IN_ALL,
    OPEN_SECONDS,
    Delays,
    TriesUnderWay,
    begun,
    failed,
    is_trusted,
    succeeded,
    taken_back,
)
from doorward.oauth.errors import Reason, TooManyRequests
from doorward.records.accounts import FailedSignIns

NOW = 1_800_000_000


def a_wrong_try(record: FailedSignIns | None, *, now: int, delays: Delays) -> FailedSignIns:
    """Begin a try and find at once that it was wrong."""
    record = begun(record, "s", try_id="t", now=now, delays=delays)
    return failed(record, "s", try_id="t", now=now, delays=delays)


def tries_in(seconds: int, delays: Delays) -> tuple[int, FailedSignIns]:
    """Return how many wrong passwords one who never stops gets in, and what is then known."""
    record = None
    passed = 0
    for now in range(NOW, NOW + seconds):
        for _ in range(20):
            try:
                record = a_wrong_try(record, now=now, delays=delays)
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
        record = a_wrong_try(record, now=now, delays=FROM_ONE_ADDRESS)
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
    fresh = a_wrong_try(record, now=record.expires_at, delays=FROM_ONE_ADDRESS)
    assert (fresh.failures, fresh.blocked_until) == (1, 0)


def test_the_right_password_forgets_the_wrong_ones_and_makes_the_address_known():
    _, record = tries_in(10, FROM_ONE_ADDRESS)
    known = succeeded(record, "s", try_id="t", now=NOW)
    assert (known.failures, known.blocked_until) == (0, 0)
    assert is_trusted(known, now=NOW + 29 * 86_400)
    assert not is_trusted(known, now=NOW + 30 * 86_400)
    assert not is_trusted(record, now=NOW)
    assert not is_trusted(None, now=NOW)
    again = a_wrong_try(known, now=NOW + 5, delays=FROM_ONE_ADDRESS)
    assert is_trusted(again, now=NOW + 6)
    assert again.expires_at == NOW + 30 * 86_400


def having_open(count: int, failures: int = 0, delays: Delays = FROM_ONE_ADDRESS, at: int = NOW) -> FailedSignIns:
    """Somebody with so many tries that began at an instant and are still being checked."""
    open_tries = {f"t{number}": at for number in range(count)}
    return FailedSignIns(subject_digest="s", failures=failures, open_tries=open_tries, expires_at=at + 3600)


@pytest.mark.parametrize(
    ("failures", "under_way", "passes"),
    [
        *[(0, 0, True), (0, 4, True), (0, 5, False), (3, 1, True), (3, 2, False), (4, 0, True), (4, 1, False)],
        *[(5, 0, True), (5, 1, False), (40, 0, True), (40, 1, False)],
    ],
)
@pytest.mark.requirement("T-09")
def test_an_open_try_takes_the_place_of_a_wrong_one(failures, under_way, passes):
    record = having_open(under_way, failures)
    if passes:
        after = begun(record, "s", try_id="new", now=NOW, delays=FROM_ONE_ADDRESS)
        assert after.open_tries == {**record.open_tries, "new": NOW}
        assert (after.failures, after.blocked_until) == (failures, 0)
    else:
        with pytest.raises(TriesUnderWay) as refused:
            begun(record, "s", try_id="new", now=NOW, delays=FROM_ONE_ADDRESS)
        assert refused.value.reason is not Reason.SIGN_IN_SLOWED


@pytest.mark.parametrize(
    ("age", "worth_waiting", "retry_after"),
    [(0, True, 30), (AT_WORK_SECONDS - 1, True, 29), (AT_WORK_SECONDS, False, 28), (OPEN_SECONDS - 1, False, 1)],
)
def test_room_is_expected_soon_only_while_somebody_is_likely_at_work(age, worth_waiting, retry_after):
    with pytest.raises(TooManyRequests) as refused:
        begun(having_open(5), "s", try_id="new", now=NOW + age, delays=FROM_ONE_ADDRESS)
    assert isinstance(refused.value, TriesUnderWay) is worth_waiting
    assert refused.value.retry_after_seconds == retry_after


def test_the_time_to_wait_is_when_enough_of_the_open_ones_have_run_out():
    record = having_open(0, 3)
    record = FailedSignIns(
        subject_digest="s", failures=3, open_tries={"a": NOW, "b": NOW + 9, "c": NOW + 20}, expires_at=NOW + 3600
    )
    with pytest.raises(TooManyRequests) as refused:
        begun(record, "s", try_id="new", now=NOW + 25, delays=FROM_ONE_ADDRESS)
    assert refused.value.retry_after_seconds == 14
    assert "new" in begun(record, "s", try_id="new", now=NOW + 39, delays=FROM_ONE_ADDRESS).open_tries


def test_what_is_never_settled_makes_room_by_itself_and_leaves_no_trace():
    record = begun(having_open(5), "s", try_id="new", now=NOW + OPEN_SECONDS, delays=FROM_ONE_ADDRESS)
    assert record.open_tries == {"new": NOW + OPEN_SECONDS}
    assert (record.failures, record.blocked_until) == (0, 0)


def test_a_clock_that_was_set_back_leaves_nobody_waiting_for_the_future():
    record = begun(having_open(5, at=NOW + 86_400), "s", try_id="new", now=NOW, delays=FROM_ONE_ADDRESS)
    assert record.open_tries == {"new": NOW}


def test_a_wrong_try_counts_however_late_its_answer_comes():
    late = failed(having_open(1), "s", try_id="t0", now=NOW + 10 * OPEN_SECONDS, delays=FROM_ONE_ADDRESS)
    assert (late.failures, late.open_tries) == (1, {})
    forgotten = failed(None, "s", try_id="t0", now=NOW, delays=FROM_ONE_ADDRESS)
    assert (forgotten.failures, forgotten.expires_at) == (1, NOW + 3600)


def test_a_try_that_was_right_settles_itself_and_no_other():
    record = having_open(3, 2)
    assert succeeded(record, "s", try_id="t1", now=NOW).open_tries == {"t0": NOW, "t2": NOW}
    assert taken_back(record, try_id="t1").open_tries == {"t0": NOW, "t2": NOW}
    assert taken_back(record, try_id="t1").failures == 2
    assert taken_back(record, try_id="other") == record


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.integers(1, 12)),
        st.tuples(st.just("settle"), st.integers(0, 12)),
        st.tuples(st.just("die"), st.integers(0, 12)),
        st.tuples(st.just("pass"), st.integers(1, 40)),
    ),
    max_size=60,
)
"""What a guesser may do: begin so many, let so many be settled, let a process die with so many, let seconds pass."""


class Guesser:
    """An attacker who guesses as fast as the server lets them, and can also make it crash."""

    def __init__(self, delays: Delays) -> None:
        self.delays = delays
        self.now = NOW
        self.record: FailedSignIns | None = None
        self.under_way: dict[str, int] = {}
        self.began: list[int] = []
        self.wrong: list[int] = []
        self.died: list[int] = []

    def act(self, name: str, amount: int) -> None:
        if name == "begin":
            for _ in range(amount):
                self.begin()
        elif name == "pass":
            self.now += amount
        else:
            for try_id in list(self.under_way)[:amount]:
                began = self.under_way.pop(try_id)
                if name == "die":
                    self.died.append(began)
                elif self.now - began < OPEN_SECONDS:
                    self.record = failed(self.record, "s", try_id=try_id, now=self.now, delays=self.delays)
                    self.wrong.append(self.now)

    def begin(self) -> None:
        try_id = f"t{len(self.began)}"
        try:
            self.record = begun(self.record, "s", try_id=try_id, now=self.now, delays=self.delays)
        except TooManyRequests as refused:
            assert refused.retry_after_seconds >= 1  # noqa: PT017 (others pass)
            return
        self.began.append(self.now)
        self.under_way[try_id] = self.now

    def due(self) -> int:
        """Return how many wrong tries one after the other would have been let in by now."""
        count, at = 0, NOW
        while at <= self.now:
            count += 1
            at += self.delays.after(count)
        return count


@settings(max_examples=300, deadline=None)
@given(ACTS, st.sampled_from([FROM_ONE_ADDRESS, Delays(free=2, first_seconds=30, longest_seconds=3600)]))
def test_no_order_of_racing_settling_and_crashing_gets_more_answers_than_are_due(acts, delays):
    guesser = Guesser(delays)
    for name, amount in acts:
        guesser.act(name, amount)
        assert len(guesser.wrong) <= guesser.due()
        assert guesser.record is None or len(guesser.record.open_tries) <= delays.free
        unanswered = [*guesser.died, *guesser.under_way.values()]
        assert sum(at > guesser.now - OPEN_SECONDS for at in unanswered) <= delays.free
