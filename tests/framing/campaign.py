"""Many trials on all ways to one door at once, and the table of what came of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from framing.answer_framings import odd_answer
from framing.stage import WAYS, lanes, served
from framing.trials import OUTCOMES, Tally, Trials, plan


@dataclass
class Found:
    """What a campaign has found."""

    tallies: dict[tuple[str, str, str], Tally] = field(default_factory=dict)
    """By way, kind and name of the framing."""
    bugs: list[str] = field(default_factory=list)
    """Lines of the door's log."""
    upstream_faults: list[str] = field(default_factory=list)

    def faults(self) -> dict[str, list[str]]:
        """Return what broke, by way and framing."""
        found = {" ".join(key): tally.faults[:3] for key, tally in self.tallies.items() if tally.faults}
        if self.bugs:
            found["log"] = self.bugs[:5]
        if self.upstream_faults:
            found["behind the door"] = self.upstream_faults[:5]
        return found

    def totals(self) -> dict[str, Counter[str]]:
        """Return how often each outcome was seen, by way."""
        sums: dict[str, Counter[str]] = {}
        for (way, _, _), tally in self.tallies.items():
            sums.setdefault(way, Counter()).update(tally.counts)
        return sums


async def campaign(
    folder: Path,
    *,
    count: int = 0,
    ways: Sequence[str] = WAYS,
    in_process: bool = False,
    only: Callable[[str], bool] = lambda name: True,
    seed: int = 0,
    launcher: Sequence[str] = ("-m", "doorward"),
    progress: Callable[[int, int, int], None] = lambda done, of, broken: None,
) -> Found:
    """Do this many trials, shared out over the ways; 0: each framing once on each way."""
    found = Found()
    share = -(-count // len(ways))
    done = 0
    async with served(folder, odd_answer, in_process=in_process, launcher=launcher) as door:
        async with lanes(door, ways, folder) as opened:

            async def on(number: int, trials: Trials) -> None:
                nonlocal done
                chosen = [it for it in plan(share, odd_answers=not in_process, seed=seed) if only(f"{it[0]} {it[1]}")]
                for kind, name in chosen:
                    await trials.run(kind, name)
                    done += 1
                    if number == 0:
                        broken = sum(tally.counts["broken"] for each in every for tally in each.tallies.values())
                        progress(done, len(chosen) * len(ways), broken)
                trials.close()

            every = [Trials(door, lane) for lane in opened]
            await asyncio.gather(*(on(number, trials) for number, trials in enumerate(every)))
        for trials in every:
            for (kind, name), tally in trials.tallies.items():
                found.tallies[trials.lane.name, kind, name] = tally
        found.bugs = door.bugs()
        found.upstream_faults = door.upstream.faults if door.upstream else []
    return found


def table(found: Found) -> Iterable[str]:
    """Return the rows: each way with each framing, and the sums."""
    columns = ("tried", *OUTCOMES)
    row = "{:11} {:52}" + " {:>9}" * len(columns)
    yield row.format("way", "framing", *columns)
    for (way, kind, name), tally in sorted(found.tallies.items()):
        yield row.format(way, f"{kind}: {name}", tally.tried, *(tally.counts[each] for each in OUTCOMES))
    for way, counts in found.totals().items():
        yield row.format(way, "(all)", sum(counts.values()), *(counts[each] for each in OUTCOMES))
