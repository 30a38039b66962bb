"""The room of a host is shared out: nobody uses up what others need, and the host is never flooded."""

from __future__ import annotations

from contextlib import suppress

import pytest

from doorward.fetching.budget import GUARANTEED, HOST_SHARE, UTMOST_SHARE, HostBudget
from doorward.fetching.errors import FetchError

HOST = "clients.example"


def admitted(budget: HostBudget, times: int, *, useless: bool = False, **who) -> int:
    passed = 0
    for _ in range(times):
        with suppress(FetchError):
            charge = budget.spend(HOST, **who)
            passed += 1
            if useless:
                budget.useless(charge)
    return passed


async def test_answers_that_were_good_for_nothing_take_nothing_from_good_ones():
    budget = HostBudget()
    assert admitted(budget, 10, useless=True, asker="198.51.100.1") == 10
    assert admitted(budget, 1, asker="198.51.100.1") == 1


@pytest.mark.requirement("R-09")
async def test_one_asker_has_a_bound_of_good_and_of_useless_answers():
    budget = HostBudget()
    assert admitted(budget, 100, asker="a") == 10
    assert admitted(budget, 100, useless=True, asker="b") == 20


@pytest.mark.parametrize("useless", [True, False])
@pytest.mark.requirement("R-09")
async def test_an_honest_asker_gets_in_whatever_hundreds_of_others_do(useless):
    budget = HostBudget()
    for number in range(120):
        admitted(budget, 30, useless=useless, asker=f"stranger {number}")
    assert admitted(budget, 30, asker="honest") == GUARANTEED


@pytest.mark.requirement("R-09")
async def test_a_host_is_asked_no_more_than_the_utmost_however_many_ask():
    budget = HostBudget()
    asked = sum(admitted(budget, 30, useless=True, asker=f"stranger {number}") for number in range(2_000))
    assert asked <= UTMOST_SHARE * 10


@pytest.mark.requirement("R-09")
async def test_a_url_that_is_vouched_for_has_room_of_its_own():
    budget = HostBudget()
    for number in range(2_000):
        admitted(budget, 3, useless=True, asker=f"stranger {number}")
    assert admitted(budget, 20, vouched=True, url="/one.json") == 10
    assert admitted(budget, 20, vouched=True, url="/two.json") == 10
    assert sum(admitted(budget, 20, vouched=True, url=f"/{number}") for number in range(100)) == HOST_SHARE * 10 - 20


@pytest.mark.requirement("R-09")
async def test_what_is_vouched_for_takes_nothing_from_a_stranger():
    budget = HostBudget()
    for number in range(HOST_SHARE):
        assert admitted(budget, 20, vouched=True, url=f"/{number}") == 10
    assert admitted(budget, 20, asker="honest") == 10


async def test_one_host_takes_nothing_from_another():
    budget = HostBudget()
    admitted(budget, 30, asker="a")
    budget.spend("another.example", asker="a")
