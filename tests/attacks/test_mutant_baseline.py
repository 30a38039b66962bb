"""What a run of mutants counts as killed: a test that fails with the mutant, and passes without it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from mutation.baseline import Baseline, until_failure
from mutation.pool import Worker, run_all
from mutation.trial import Outcome, Result, Trial

TESTS = {
    "tests/test_good.py": "from code_under_test import allowed\n\ndef test_it():\n    assert not allowed(3)\n",
    "tests/test_stale.py": "def test_it():\n    assert 'the new word' == 'the old word'\n",
    "tests/test_lost.py": "from no_such_module import anything\n\ndef test_it(): ...\n",
    "tests/test_first.py": "import pathlib\n\ndef test_it():\n    with pathlib.Path('runs').open('a') as runs:\n"
    "        runs.write('x')\n",
}
SOURCE = "def allowed(number):\n    return number < 3\n"
MUTANT = SOURCE.replace("<", "<=")


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    """Start a worker in a project of one module."""
    for name, text in {"code_under_test.py": SOURCE, "conftest.py": "", **TESTS}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    worker = Worker(tmp_path)
    worker.start()
    yield worker
    worker.stop()


def outcomes(worker: Worker, *sets: tuple[str, ...]) -> list[Outcome]:
    """Try the mutant with each set of tests, one after the other."""
    idle: SimpleQueue[Worker] = SimpleQueue()
    idle.put(worker)
    trials = [Trial("a mutant", ("-x", *files), "code_under_test.py", MUTANT) for files in sets]
    return [each.outcome for each in run_all(trials, idle, 1, Baseline())]


def test_only_a_test_that_passes_without_the_mutant_kills_it(worker):
    assert outcomes(
        worker,
        ("tests/test_good.py",),
        ("tests/test_stale.py", "tests/test_good.py"),
        ("tests/test_lost.py", "tests/test_good.py"),
        ("tests/test_first.py",),
    ) == ["killed", "tests fail without it", "tests fail without it", "survived"]


def test_the_same_tests_run_without_a_mutant_once(worker):
    killing = ("tests/test_first.py", "tests/test_good.py")
    assert outcomes(worker, killing, killing, killing) == ["killed"] * 3
    assert (worker.copy / "runs").read_text() == "xxx" + "x"


def ended(outcome: Outcome, output: str) -> Result:
    """Return the result of a run of three files."""
    trial = Trial("a mutant", ("-x", "tests/test_a.py", "tests/test_b.py", "tests/test_c.py"), "a.py", "x = 1")
    return Result(trial, outcome, 1.0, output)


@pytest.mark.parametrize(
    ("output", "files"),
    [
        ("FAILED tests/test_b.py::test_it[odd: one] - assert 1 == 2\n", ("tests/test_a.py", "tests/test_b.py")),
        ("ERROR tests/test_a.py - ImportError\n", ("tests/test_a.py",)),
        ("FAILED tests/test_other.py::test_it\n", ("tests/test_a.py", "tests/test_b.py", "tests/test_c.py")),
        ("", ("tests/test_a.py", "tests/test_b.py", "tests/test_c.py")),
    ],
)
def test_the_files_up_to_the_failure_are_run_again(output, files):
    assert until_failure(ended("killed", output)) == ("-x", *files)
