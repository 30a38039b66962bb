"""The invariants of the data path, checked against a history. Each has zero tolerance.

11  An answer reaches the user and request that asked.   fed by: every ask that received a byte
12  A request has at most one answer.                    fed by: every ask that received an answer
13  A tool runs at most once per request.                fed by: every ask that the upstream ran
14  Honest users are served, in time.                    fed by: every honest ask
15  No bug: no 500, no traceback, the process lives.     fed by: every answer; the end of a run
16  What one user can hold is bounded.                   fed by: memory; every client that does not read

An honest ask that was not served needs a reason that was possible at that time: the upstream closed a resting
connection while the request was on its way, or the child that all share died. A call that the upstream ran has no such
reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from judge.checker import Break, Verdict
from judge.traffic.history import Ask, Fact

CLOSE_NS = 5_000_000
"""A close this long before a request was sent can still meet it on its way."""
DEATH_NS = 500_000_000
"""A child notes its death before it dies; its process is gone, and its calls have failed, within this."""


def check(asks: list[Ask], facts: list[Fact]) -> Verdict:
    """Judge one history."""
    return _Checker(asks, facts).run()


class _Checker:
    def __init__(self, asks: list[Ask], facts: list[Fact]) -> None:
        self.asks = asks
        self.facts = facts
        self.runs = Counter(each.id for each in facts if each.name == "ran")
        self.closes = sorted(each.at for each in facts if each.name == "closed")
        self.deaths = sorted(each.at for each in facts if each.name == "died")
        self.verdict = Verdict(operations=len(asks))

    def run(self) -> Verdict:
        for each in self.asks:
            self._check(each)
        for fact in self.facts:
            self._check_fact(fact)
        self._check_the_let_go()
        return self.verdict

    def _check(self, each: Ask) -> None:
        add = self.verdict.add
        if each.tags or each.status:
            add(11, self._for_its_request(each))
        if each.status:
            add(12, self._one_answer(each))
            add(15, [Break(15, "status 500", (each,))] if each.status == 500 else [])
        if self.runs[each.id]:
            add(13, self._at_most_once(each))
        if each.honest:
            add(14, self._served(each))

    def _for_its_request(self, each: Ask) -> Iterator[Break]:
        others = [tag for tag in each.tags if tag.rpartition("-")[0] != each.user]
        if others:
            yield Break(11, f"{each.user} received bytes of {', '.join(others[:3])}", (each,))
        # A message without an id answers the next call of a user if the child has served only that user.
        if each.strays and each.honest:
            yield Break(11, f"the answer speaks of {', '.join(each.strays[:3])}", (each,))
        if each.outcome == "served" and not each.intact:
            yield Break(11, "the answer is not the one that the upstream gave", (each,))

    def _one_answer(self, each: Ask) -> Iterator[Break]:
        if each.answers > 1:
            yield Break(12, f"{each.answers} answers to one request", (each,))
        if each.strange_ids:
            yield Break(12, f"{each.strange_ids} messages with an id that nobody sent", (each,))
        if each.excess_bytes:
            yield Break(12, f"{each.excess_bytes} bytes after the end of the answer", (each,))

    def _at_most_once(self, each: Ask) -> Iterator[Break]:
        runs, most = self.runs[each.id], 2 if each.reads else 1
        if runs > most:
            yield Break(13, f"it ran {runs} times", (each,))

    def _served(self, each: Ask) -> Iterator[Break]:
        took_ms = (each.end - each.start) // 1_000_000
        if each.outcome == "late" or took_ms > each.bar_ms:
            yield Break(14, f"no answer within {each.bar_ms} ms", (each,))
        elif each.outcome != "served":
            self.verdict.unknown += 1
            if self._is_excused(each):
                self.verdict.resolved += 1
            else:
                yield Break(14, f"an honest {each.name} was not served ({each.status} {each.fault})", (each,))

    def _is_excused(self, each: Ask) -> bool:
        if each.fault == "exited":
            return any(each.start - DEATH_NS <= at <= each.end for at in self.deaths)
        if each.fault == "reset" and not each.reads and not self.runs[each.id]:
            return any(each.start - CLOSE_NS <= at <= each.end for at in self.closes)
        return False

    def _check_fact(self, fact: Fact) -> None:
        match fact.name:
            case "memory_mib":
                over = fact.value > fact.bar
                what = f"{fact.value:.0f} MiB, more than {fact.bar:.0f}"
                self.verdict.add(16, [Break(16, what)] if over else [])
            case "tracebacks":
                self.verdict.add(15, [Break(15, f"{fact.value:.0f} tracebacks in the log")] if fact.value else [])
            case "alive":
                self.verdict.add(15, [] if fact.value else [Break(15, "the process of the door has ended")])

    def _check_the_let_go(self) -> None:
        """A client that does not read is let go within the bar of the fact that it holds a place."""
        let_go = {each.id: each.at for each in self.facts if each.name == "let_go"}
        ended = max((each.at for each in self.facts if each.name == "alive"), default=0)
        for fact in self.facts:
            if fact.name == "held":
                last_at = fact.at + int(fact.bar * 1e9)
                gone_at = let_go.get(fact.id)
                if gone_at is not None or ended > last_at:
                    kept = gone_at is None or gone_at > last_at
                    what = f"{fact.id} does not read, and still held its place after {fact.bar:g} s"
                    self.verdict.add(16, [Break(16, what)] if kept else [])
