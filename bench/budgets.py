"""The budgets: what each kind of work may cost, as a multiple of an anchor that is measured in the same run.

Machines differ by a factor of three, so a budget in microseconds says little. Rounds are compared one by one, because
a machine's speed changes between them more than within one; a ratio is the median of what the rounds gave.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

ROUNDS = 5
"""The fewest rounds for a verdict."""
TOLERANCE = 1.1
"""A budget counts as missed when the cost is more than a tenth over it."""
RAW = "raw ASGI"
URL, FILE, FASTMCP = "Doorward in front of a URL", "Doorward around a FastMCP file", "FastMCP alone"


def start_of(program: str) -> str:
    """Return the name of the figure for how long a program takes to its first answer, in seconds."""
    return f"{program}: start to first answer"


def memory_of(program: str) -> str:
    """Return the name of the figure for the resident memory of a program at rest, in MiB."""
    return f"{program}: resident memory at rest"


def stream_of(server: str) -> str:
    """Return the name of the figure for one more idle stream, in KiB."""
    return f"idle open stream, {server}"


@dataclass(frozen=True)
class Measured:
    """What one run measured."""

    cpu_us: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """By row, the CPU time of one unit of work in each round."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """The figures that were taken without load."""


class Reading(Protocol):
    """A way to get one number out of a run."""

    @property
    def rows(self) -> tuple[str, ...]:
        """The rows of the table that it needs, the row itself first and its anchor second."""

    @property
    def figures(self) -> tuple[str, ...]:
        """The figures without load that it needs, the anchor second."""

    def value(self, measured: Measured) -> float:
        """Return the number; everything that it needs was measured."""


@dataclass(frozen=True)
class Times:
    """The cost of a row as a multiple of its anchor's."""

    row: str
    anchor: str
    less: int = 0
    """1 to subtract the anchor first, when the row contains the anchor's work."""

    @property
    def rows(self) -> tuple[str, ...]:
        return self.row, self.anchor

    @property
    def figures(self) -> tuple[str, ...]:
        return ()

    def value(self, measured: Measured) -> float:
        pairs = zip(measured.cpu_us[self.row], measured.cpu_us[self.anchor], strict=True)
        return statistics.median(mine / anchor for mine, anchor in pairs) - self.less


def added(row: str, anchor: str) -> Times:
    """Return the reading of what a row costs on top of its anchor, as a multiple of the anchor's cost."""
    return Times(row, anchor, less=1)


@dataclass(frozen=True)
class Idle:
    """A figure without load: as it is, or as a multiple of another program's."""

    figure: str
    anchor: str = ""

    @property
    def rows(self) -> tuple[str, ...]:
        return ()

    @property
    def figures(self) -> tuple[str, ...]:
        return (self.figure, self.anchor) if self.anchor else (self.figure,)

    def value(self, measured: Measured) -> float:
        found = measured.figures[self.figure]
        return found / measured.figures[self.anchor] if self.anchor else found


@dataclass(frozen=True)
class Budget:
    """What one kind of work may cost."""

    work: str
    reading: Reading | None
    limit: float
    aim: float
    unit: str = "x"
    elsewhere: str = ""
    """Why this run cannot measure it, if there is no reading."""


class Verdict(StrEnum):
    """How a cost compares with its budget."""

    AIM = "aim met"
    MET = "met"
    OVER = "over, by a tenth at most"
    MISSED = "MISSED"


@dataclass(frozen=True)
class Judged:
    """A budget and its verdict in this run."""

    budget: Budget
    value: float | None = None
    verdict: Verdict | None = None
    reason: str = ""
    """Why there is no verdict."""


def verdict(value: float, limit: float, aim: float) -> Verdict:
    """Compare a cost with its budget and aim."""
    if value <= aim:
        return Verdict.AIM
    if value <= limit:
        return Verdict.MET
    return Verdict.OVER if value <= limit * TOLERANCE else Verdict.MISSED


def judge(budget: Budget, measured: Measured) -> Judged:
    """Judge one budget by what this run measured."""
    reading = budget.reading
    if reading is None:
        return Judged(budget, reason=budget.elsewhere)
    known = {*measured.cpu_us, *measured.figures}
    lacking = [name for name in (*reading.rows, *reading.figures) if name not in known]
    if lacking:
        return Judged(budget, reason=f"not measured: {', '.join(lacking)}")
    value = reading.value(measured)
    rounds = min((len(measured.cpu_us[name]) for name in reading.rows), default=ROUNDS)
    if rounds < ROUNDS:
        return Judged(budget, value, reason=f"not judged: {rounds} of {ROUNDS} rounds")
    return Judged(budget, value, verdict(value, budget.limit, budget.aim))


def exit_code(judged: Sequence[Judged]) -> int:
    """Return 1 when a budget is missed by more than a tenth."""
    return int(any(one.verdict is Verdict.MISSED for one in judged))


def table(judged: Sequence[Judged], measured: Measured) -> str:
    """Render the budgets beside their anchors."""
    head = ["| work | cost | anchor in this run | ratio | budget | aim | verdict |"]
    return "\n".join(
        [*head, "| --- | ---: | --- | ---: | ---: | ---: | --- |", *(_line(one, measured) for one in judged)]
    )


def _line(one: Judged, measured: Measured) -> str:
    budget = one.budget
    costs = _costs(budget.reading, measured) if one.value is not None and budget.reading else ["", ""]
    value = "" if one.value is None else _number(one.value, budget.unit)
    bounds = [_number(bound, budget.unit) for bound in (budget.limit, budget.aim)]
    return f"| {' | '.join([budget.work, *costs, value, *bounds, one.verdict or one.reason])} |"


def _costs(reading: Reading, measured: Measured) -> list[str]:
    """Return the cost and the anchor's; a figure that has no anchor stands in the next column already."""
    names = (*reading.rows, *reading.figures)
    if len(names) == 1:
        return ["", ""]
    costs = [f"{statistics.median(measured.cpu_us[name]):.0f} us" for name in reading.rows]
    costs += [f"{measured.figures[name]:.3g}" for name in reading.figures]
    return [costs[0], f"{names[1]}: {costs[1]}"]


def _number(value: float, unit: str) -> str:
    return f"{value:.3g} {unit}"


NO_GATEWAY = "not built yet: there is no gateway"
NO_BRIDGE = "not built yet: nothing translates between eras"
NO_AGENTS = "not built yet: there are no durable agents"
SCALE = Budget("1,000,000 clients, 10,000,000 tokens", None, 1.10, 1.05, elsewhere="`make scale` measures it")
BUDGETS = (
    Budget("reverse proxy, bearer checked", Times("Doorward reverse proxy", "nginx auth_request"), 1.4, 1.0),
    Budget("authorized call in process, added", added("raw ASGI behind Doorward, in process", RAW), 1.3, 1.0),
    Budget("authorized call, added to FastMCP", added("FastMCP behind Doorward, in process", "FastMCP"), 0.10, 0.05),
    Budget(
        "authorized call in a session, added to FastMCP",
        added("FastMCP behind Doorward, session", "FastMCP, session"),
        0.10,
        0.05,
    ),
    Budget("gateway", None, 3, 1.8, elsewhere=NO_GATEWAY),
    Budget("translation between eras, added", None, 2, 1, elsewhere=NO_BRIDGE),
    Budget("refresh, durable, SQLite", Times("refresh, Doorward", RAW), 8, 5),
    Budget("refresh, durable, Postgres", Times("refresh, Doorward on Postgres", RAW), 10, 7),
    Budget("dynamic registration, durable", Times("registration, Doorward", RAW), 5, 3.5),
    Budget("whole flow without the password hash", Times("whole flow, Doorward, signed in before", RAW), 55, 40),
    Budget("discovery, resource metadata", Times("resource metadata, Doorward", RAW), 0.9, 0.8),
    Budget("discovery, server metadata", Times("server metadata, Doorward", RAW), 0.9, 0.8),
    Budget("401", Times("401, Doorward", RAW), 1.2, 1.0),
    Budget("durable agent call with a state write", None, 12, 8, elsewhere=NO_AGENTS),
    SCALE,
    Budget("idle open stream", Idle(stream_of("door_open_proxy")), 27, 16, "KiB"),
    Budget("start to first answer, URL", Idle(start_of(URL)), 0.4, 0.3, "s"),
    Budget("start to first answer, FastMCP file", Idle(start_of(FILE), start_of(FASTMCP)), 1.4, 1.2),
    Budget("memory at rest, URL", Idle(memory_of(URL)), 56, 48, "MiB"),
)
