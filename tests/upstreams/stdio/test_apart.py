from __future__ import annotations

from doorward.upstreams.stdio.apart import PLACES, Apart


def test_a_user_is_apart_until_the_time_is_over() -> None:
    apart = Apart()
    apart.add({"ann"}, 60, 0, running=())
    assert apart.place_of("bob", 1) is None
    place = apart.place_of("ann", 59)
    assert place is not None
    assert apart.is_used(place, 59)
    assert apart.place_of("ann", 60) is None
    assert not apart.is_used(place, 60)


def test_a_user_keeps_the_place_when_the_time_is_prolonged() -> None:
    apart = Apart()
    apart.add({"ann", "bob"}, 60, 0, running=())
    before = apart.place_of("bob", 1)
    apart.add({"bob"}, 90, 30, running=(before,))
    assert apart.place_of("bob", 80) == before


def test_every_user_has_a_place_alone_until_there_are_more_users_than_places() -> None:
    apart = Apart()
    for n in range(PLACES):
        apart.add({f"user-{n}"}, 60, 0, running=())
    assert {apart.place_of(f"user-{n}", 1) for n in range(PLACES)} == set(range(PLACES))
    apart.add({"one more"}, 60, 0, running=())
    assert apart.place_of("one more", 1) in range(PLACES)


def test_a_place_whose_child_still_runs_is_taken_last() -> None:
    apart = Apart()
    apart.add({"ann"}, 60, 0, running=(None, *range(PLACES - 1)))
    assert apart.place_of("ann", 1) == PLACES - 1
