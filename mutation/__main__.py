"""`python -m mutation`: tries the mutants that each attack row names, and randomly drawn mutants of the security core.

A named mutant must be killed by the tests that carry its row, a drawn one by the tests that know its module. Tests that
fail on the unchanged source kill nothing. The exit code is 1 when a mutant survives or its tests fail without it.
`--rotate N` tries N of the named mutants, others with every commit.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import get_args

from mutation import named
from mutation.baseline import NOTICED, Baseline
from mutation.known_tests import tests_of
from mutation.named import ROOT, Named, load
from mutation.pool import run_all, workers
from mutation.trial import Outcome, Result, Trial

sys.path.insert(0, str(ROOT / "tests"))
LONG = ("flows/", "browser/", "judge/", "fuzzing/")
"""Tests that start programs or draw thousands of inputs: they take long, and no row rests on them alone."""


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m mutation", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=["named", "drawn"], help="one of the two kinds")
    parser.add_argument("--rows", default="", help="named mutants of these rows, as A-02,T-11")
    parser.add_argument("--rotate", type=int, default=0, help="try this many named mutants, others with every commit")
    parser.add_argument(
        "--honest", action="store_true", help="run the honest clients against the named mutants instead"
    )
    parser.add_argument("--draws", type=int, default=150, help="how many mutants to draw")
    parser.add_argument("--seed", type=int, default=20261128, help="the seed of the draw")
    parser.add_argument(
        "--lines", default="", help="of the drawn mutants those at these places, as oauth/authorization/pkce.py:30,..."
    )
    parser.add_argument("--workers", type=int, default=2, choices=[1, 2], help="how many mutants are tried at once")
    return parser.parse_args()


def main() -> int:
    """Try what was asked for, and print a table of each kind."""
    asked = parse()
    mutants = [] if asked.only == "drawn" else chosen(load(), asked)
    is_narrowed = bool(asked.rows or asked.rotate or asked.honest)
    drawn = [] if asked.only == "named" or is_narrowed else drawn_trials(asked)
    with workers(asked.workers) as idle:
        survived = 0
        if mutants:
            tests = tests_of_rows(mutants, honest=asked.honest)
            results = run_all(named_trials(mutants, tests), idle, asked.workers, Baseline())
            survived += table(results, wanted={"survived"} if asked.honest else {"killed"})
        if drawn:
            survived += table(run_all(drawn, idle, asked.workers, Baseline()), wanted=NOTICED)
    return 1 if survived else 0


def chosen(mutants: list[Named], asked: argparse.Namespace) -> list[Named]:
    """Return the named mutants that were asked for; one that does not fit its module ends the run."""
    misfits = named.misfits(mutants)
    if misfits:
        raise SystemExit("\n".join(misfits))
    if asked.rows:
        mutants = [each for each in mutants if each.row in asked.rows.split(",")]
    if asked.rotate:
        count = subprocess.run(["git", "rev-list", "--count", "HEAD"], cwd=ROOT, check=True, capture_output=True)
        first = int(count.stdout) * asked.rotate
        mutants = [mutants[(first + number) % len(mutants)] for number in range(min(asked.rotate, len(mutants)))]
    return mutants


def tests_of_rows(mutants: Iterable[Named], *, honest: bool) -> dict[str, tuple[str, ...]]:
    """Return pytest's arguments for each row: its own tests, or those of the honest clients."""
    rows = dict.fromkeys(each.row for each in mutants)
    if honest:
        return dict.fromkeys(rows, ("-x", "tests/attacks/test_honest_clients.py"))
    return {row: ("-x", "--row", row, *files_of(row)) for row in rows}


def named_trials(mutants: Iterable[Named], tests: dict[str, tuple[str, ...]]) -> list[Trial]:
    """Return a trial for each mutant."""
    return [
        Trial(
            each.name,
            tests[each.row],
            each.path,
            each.put_into((ROOT / each.path).read_text(encoding="utf-8")),
            note=each.path,
        )
        for each in mutants
    ]


def files_of(row: str) -> list[str]:
    """Return the files with tests that carry the row, the quick ones first."""
    from test_requirements import marked

    files = [file for file in dict.fromkeys(marked()[row]) if not file.startswith(LONG)]
    return [f"tests/{file}" for file in sorted(files, key=lambda file: (not file.endswith("_situations.py"), file))]


def drawn_trials(asked: argparse.Namespace) -> list[Trial]:
    """Return a trial for each drawn mutant, with the tests that know its module."""
    from mutation.drawn import draw

    places = [place for place in asked.lines.split(",") if place]
    return [
        Trial(each.name, ("-x", *tests_of(each.path)), each.path, each.mutated(), seconds=600, note=each.change)
        for each in draw(asked.draws, asked.seed)
        if not places or any(each.name.endswith(place) for place in places)
    ]


def table(results: list[Result], *, wanted: AbstractSet[Outcome]) -> int:
    """Print how many mutants ended how, and those that did not end as they should; return how many these are."""
    other = [each for each in results if each.outcome not in wanted]
    print(f"\n{'mutants':22}{len(results):5}")
    for outcome in get_args(Outcome):
        print(f"{outcome:22}{sum(each.outcome == outcome for each in results):5}")
    for each in other:
        print(f"\n{each.outcome}: {each.trial.name}\n    {each.trial.note}")
        if each.outcome != "survived":
            print(each.output)
    return len(other)


if __name__ == "__main__":
    sys.exit(main())
