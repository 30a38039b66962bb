"""Which counts a collector gets."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from doorward.endpoints.counts import Counts


@dataclass
class Counted:
    requests: Counter[tuple[str, int, str, str]] = field(default_factory=Counter)
    standing: int = 0


def samples(name: str, **doors: Counted) -> list[tuple[dict[str, str], int]]:
    counts = Counts(started_at=0, doors=doors, answers={}, audit=None, authority=None)
    family = next(each for each in counts.families() if each.name == name)
    return [(dict(labels), value) for labels, value in family.samples]


def test_the_statuses_of_a_class_are_one_series():
    served, refused = ("legacy", ""), ("", "no_token")
    mcp = Counted(
        Counter(
            {
                ("served", 200, *served): 2,
                ("served", 202, *served): 1,
                ("refused", 401, *refused): 5,
                ("refused", 403, "", "insufficient_scope"): 7,
                ("served", 200, "modern", ""): 11,
            }
        )
    )
    found = samples("doorward_requests_total", mcp=mcp, other=Counted(Counter({("served", 204, *served): 13})))
    by_labels = {tuple(labels.values()): value for labels, value in found}
    assert len(by_labels) == len(found) == 5
    assert by_labels == {
        ("mcp", "served", "2xx", "legacy", ""): 3,
        ("mcp", "served", "2xx", "modern", ""): 11,
        ("mcp", "refused", "4xx", "", "no_token"): 5,
        ("mcp", "refused", "4xx", "", "insufficient_scope"): 7,
        ("other", "served", "2xx", "legacy", ""): 13,
    }
