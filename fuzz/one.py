"""`python -m fuzz.one NAME RUNS REPORT`: one parser under atheris, guided by the branches that the input reaches.

Finds do not stop it: they are written to the report with the input that made them, and the run goes on.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["doorward"]):
    from fuzz.targets import TARGETS

LONGEST_INPUT_BYTES = 4096
KEPT = 5
WRITE_EVERY = 5000


class Campaign:
    """What one run has found so far."""

    def __init__(self, name: str, runs: int, report: Path) -> None:
        self.target = TARGETS[name]
        self.runs = runs
        self.report = report
        self.started = time.monotonic()
        self.done = self.taken = self.finds = 0
        self.slowest_ms = 0.0
        self.kept: list[dict[str, str]] = []

    def try_one(self, data: bytes) -> None:
        """Give one input to the parser."""
        before = time.process_time_ns()
        try:
            self.taken += self.target.survives(data)
        except Exception as error:
            self.finds += 1
            if len(self.kept) < KEPT:
                self.kept.append({"error": repr(error), "input": data.hex()})
        self.slowest_ms = max(self.slowest_ms, (time.process_time_ns() - before) / 1e6)
        self.done += 1
        if self.done % WRITE_EVERY == 0 or self.done >= self.runs:
            self.write()

    def write(self) -> None:
        """Write the report; the fuzzer ends the process without a chance to do so later."""
        line = {
            "inputs": self.done,
            "taken": self.taken,
            "finds": self.finds,
            "slowest_ms": round(self.slowest_ms, 2),
            "seconds": round(time.monotonic() - self.started, 1),
            "kept": self.kept,
        }
        self.report.write_text(json.dumps(line))


def main() -> None:
    """Run one campaign."""
    name, runs, report = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    campaign = Campaign(name, runs, report)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as corpus:
        for number, seed in enumerate(campaign.target.seeds):
            (Path(corpus) / str(number)).write_bytes(seed)
        flags = [f"-runs={runs}", f"-max_len={LONGEST_INPUT_BYTES}", "-verbosity=0", "-print_final_stats=0"]
        atheris.Setup([name, *flags, corpus], campaign.try_one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
