"""The tables: medians over the rounds, beside what each row is compared with."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.idle import Figure
from bench.subjects import Subject


@dataclass
class Row:
    """What the rounds of one subject gave."""

    subject: Subject
    cpu_us: list[float] = field(default_factory=list)
    per_second: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    resident_mib: list[float] = field(default_factory=list)

    @property
    def cpu(self) -> float:
        """The median CPU time of one unit, in microseconds."""
        return statistics.median(self.cpu_us)


HEAD = (
    "| subject | CPU us/unit: median (range) | compared with | added us | times | units/s | p50 ms | p99 ms | RSS MiB |"
)
RULE = "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |"


def table(rows: Sequence[Row]) -> str:
    """Render the rows that were measured."""
    by_name = {row.subject.name: row for row in rows}
    return "\n".join([HEAD, RULE, *(_line(row, by_name) for row in rows)])


def _line(row: Row, by_name: Mapping[str, Row]) -> str:
    base = by_name.get(row.subject.base or "")
    added, times = beside(row, base) if base else ("", "")
    cells = [
        row.subject.name,
        f"{row.cpu:.0f} ({min(row.cpu_us):.0f}-{max(row.cpu_us):.0f})",
        base.subject.name if base else "",
        added,
        times,
        f"{statistics.median(row.per_second):.0f}",
        f"{statistics.median(row.p50_ms):.1f}",
        f"{statistics.median(row.p99_ms):.1f}",
        f"{statistics.median(row.resident_mib):.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def beside(row: Row, base: Row) -> tuple[str, str]:
    """Return what the row adds to the other and how many times it costs: medians of what each round gave.

    Rounds are compared one by one, because the machine's speed changes between them more than within one.
    """
    pairs = list(zip(row.cpu_us, base.cpu_us, strict=True))
    added = statistics.median(mine - other for mine, other in pairs)
    return f"{added:.0f}", f"{statistics.median(mine / other for mine, other in pairs):.3g}"


def figures(found: Mapping[str, Figure]) -> str:
    """Render the figures taken without load."""
    return "\n".join(
        ["| figure | value |", "| --- | ---: |", *(f"| {name} | {value} |" for name, value in found.items())]
    )
