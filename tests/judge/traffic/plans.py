"""What an upstream is asked to do with a request: a plan travels in the arguments, and the upstream follows it.

Pure: the same seed gives the same plans. An honest plan has one right answer, which the client knows; with an odd one
the upstream breaks HTTP, JSON-RPC or itself, and only what the others get is judged.
"""

from __future__ import annotations

from random import Random
from typing import Any, TypedDict

REDIRECTS = ("307-length", "308-chunked", "307-query", "308-plain")
ODD_ANSWERS = (
    *("status-600", "status-799", "status-999", "status-600-chunked", "status-000", "interim-flood"),
    *("interim-body", "switches", "no-content-body", "not-modified-body", "reset-content-body"),
    *("leftover", "second-answer", "second-answer-chunked", "two-lengths", "length-and-chunked", "bad-chunk"),
    *("closed-unanswered", "closed-in-head", "closed-in-body", "closed-in-chunk", "closed-after", "aborted-after"),
    *("huge-head", "many-fields", "compressed", "web-page", "challenge", "redirect-away", "redirect-loop"),
    *("redirect-long", "trailers", "mark-first", "endless-trailer"),
)
ODD_CHILDREN = (
    *("logs-before", "logs-after", "garbage", "broken-answer", "twice", "asks", "nameless", "nameless-after"),
    *("split", "prefixed", "stderr", "changes", "strange-progress", "late"),
)
DEATHS = ("dies", "dies-in-line")
SHAPES = ("json", "chunked", "sse")
WRITE_SECONDS = 4
"""How long a client of the run `deaf-clients` may take nothing of its answer."""
HELD_SECONDS = 10
"""How long a call may be kept for it at most, on a busy machine."""


class Plan(TypedDict, total=False):
    """What the upstream does."""

    shape: str
    size: int
    """How many tags the answer holds."""
    wait_ms: float
    """Before the first byte."""
    pieces: int
    gap_ms: float
    """Between two pieces."""
    notes: int
    """Progress events before the answer."""
    via: str
    """A redirect in front of the answer."""
    odd: str


def honest(random: Random, *, largest: int = 2000) -> Plan:
    """Return a plan with one right answer."""
    plan = Plan(
        shape=random.choice(SHAPES),
        size=int(largest ** random.random()) + 1,
        wait_ms=random.choice((0, 0, 0, 1, 4, 15)),
        pieces=random.choice((1, 1, 2, 5)),
        gap_ms=random.choice((0, 0, 1, 3)),
    )
    if plan["shape"] == "sse":
        plan["notes"] = random.randrange(4)
    return plan


def text_of(tag: str, plan: Plan) -> str:
    """Return what an honest answer holds."""
    return f"<{tag}>" * plan.get("size", 1)


def name_of(plan: Plan) -> str:
    """Return a word for a plan."""
    return plan.get("odd") or plan.get("via") or plan.get("shape", "json")


def result_of(tag: str, plan: Plan) -> dict[str, Any]:
    """Return the result of an honest answer."""
    return {"resultType": "complete", "content": [], "text": text_of(tag, plan)}
