"""A few workers, each with its own copy of the tree, and the trials that they run."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from mutation.baseline import Baseline
from mutation.copies import copy_tree, write_source
from mutation.named import ROOT
from mutation.trial import Outcome, Result, Trial

OUTCOMES: dict[int, Outcome] = {0: "survived", 1: "killed", -1: "timed out", 5: "no tests"}
"""By pytest's exit code; -1 is a run that had to be ended. Any other code means that no test could run."""


_SIGNS_OF_A_FAILURE = (
    "\nE   AssertionError",  # an assert that is made when a file of tests is read
    "SystemError: AST constructor recursion depth mismatch",  # CPython 3.11 fails while pytest reports a failed test
)


@dataclass(slots=True)
class Worker:
    """One process that forks the runs, and its copy."""

    copy: Path
    process: subprocess.Popen[str] = field(init=False)

    def start(self) -> None:
        """Start the process in the copy, at a lower priority than interactive work."""
        self.process = subprocess.Popen(
            ["nice", "-n", "2", sys.executable, "-m", "mutation.worker", str(self.copy)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def stop(self) -> None:
        """End the process by closing its input."""
        self.process.communicate()

    def run(self, trial: Trial) -> Result:
        """Try one mutant; the copy is as before afterwards."""
        path = self.copy / trial.path
        original = path.read_text(encoding="utf-8") if trial.path else ""
        if trial.path:
            write_source(path, trial.mutated)
        try:
            reply = self._ask({"arguments": trial.arguments, "seconds": trial.seconds, "compile": not trial.path})
        finally:
            if trial.path:
                write_source(path, original)
        outcome = OUTCOMES.get(reply["code"], "broken")
        if outcome == "broken" and trial.path and any(sign in reply["output"] for sign in _SIGNS_OF_A_FAILURE):
            outcome = "killed"
        return Result(trial, outcome, reply["seconds"], reply["output"])

    def _ask(self, run: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(run) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("a worker ended; its error stands above")
        reply: dict[str, Any] = json.loads(line)
        return reply


@contextmanager
def workers(count: int) -> Iterator[SimpleQueue[Worker]]:
    """Yield that many idle workers, and stop them at the end."""
    with tempfile.TemporaryDirectory(prefix="doorward-mutants-") as folder:
        started = [Worker(Path(folder) / str(number)) for number in range(count)]
        idle: SimpleQueue[Worker] = SimpleQueue()
        for worker in started:
            copy_tree(worker.copy)
            worker.start()
            idle.put(worker)
        try:
            yield idle
        finally:
            for worker in started:
                worker.stop()


def run_all(
    trials: list[Trial], idle: SimpleQueue[Worker], count: int, baseline: Baseline | None = None
) -> list[Result]:
    """Run the trials on the workers, show each result as it comes, and compare it with the baseline if there is one."""
    progress = Progress(len(trials))

    def one(trial: Trial) -> Result:
        worker = idle.get()
        try:
            result = worker.run(trial)
            return result if baseline is None else baseline.compared(result, worker.run)
        finally:
            idle.put(worker)

    results: list[Result] = []
    with ThreadPoolExecutor(count) as threads:
        waiting: set[Future[Result]] = {threads.submit(one, trial) for trial in trials}
        try:
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    results.append(future.result())
                    progress.show(results[-1])
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    return results


@dataclass(slots=True)
class Progress:
    """Prints each result with an estimate of the time that is left."""

    total: int
    began: float = field(default_factory=time.monotonic)
    done: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def show(self, result: Result) -> None:
        """Print one line."""
        with self.lock:
            self.done += 1
            left = (time.monotonic() - self.began) / self.done * (self.total - self.done)
            times = f"{result.seconds:5.1f} s, {left / 60:4.1f} min left"
            print(f"[{self.done:4}/{self.total}] {result.outcome:9} {times}  {result.trial.name}", flush=True)
