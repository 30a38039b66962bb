from __future__ import annotations

from judge.progress import Progress


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def told(times, total=100, **more):
    clock, lines = Clock(), []
    progress = Progress("run", total, lines.append, clock=clock, **more)
    for at in times:
        clock.now = at
        progress.advance()
    return lines


def test_a_line_says_how_far_it_is_and_how_long_it_will_take():
    # The first step waits for the start, which says nothing about the steps that follow.
    assert told([50, 60, 70, 80]) == ["run: 4 of 100 after 0 min 30 s, about 16 min 00 s to go"]


def test_lines_come_at_most_every_so_often():
    assert len(told(range(100), every_seconds=30)) == 3
    assert told([1, 2, 3]) == []


def test_items_are_counted_when_they_are_done():
    progress = Progress("run", 0)
    items = progress.through("abc")
    assert next(items) == "a"
    assert (progress.done, progress.total) == (0, 3)
    assert list(items) == ["b", "c"]
    assert progress.done == 3
