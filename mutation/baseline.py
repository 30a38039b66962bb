"""What the tests say of the source without any mutant.

Tests that fail on the unchanged source fail with every mutant, so their failure says nothing about one. Only the files
up to the first failure are run again: with `-x`, the mutant's run went no further.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from mutation.trial import Outcome, Result, Trial

NOTICED: Final[frozenset[Outcome]] = frozenset({"killed", "broken", "timed out"})
_FAILED: Final = re.compile(r"^(?:FAILED|ERROR) ([^\s:]+)", re.MULTILINE)


class Baseline:
    """Runs of the unchanged source, each set of tests once."""

    def __init__(self) -> None:
        self._results: dict[tuple[str, ...], Result] = {}

    def compared(self, result: Result, run: Callable[[Trial], Result]) -> Result:
        """Return the result, or that the tests fail without the mutant as well."""
        if result.outcome not in NOTICED:
            return result
        arguments = until_failure(result)
        if arguments not in self._results:
            as_is = Trial(f"{arguments[-1]} without a mutant", arguments, seconds=result.trial.seconds)
            self._results[arguments] = run(as_is)
        without = self._results[arguments]
        if without.outcome == "survived":
            return result
        return replace(result, outcome="tests fail without it", output=without.output)


def until_failure(result: Result) -> tuple[str, ...]:
    """Return pytest's arguments up to the file that failed; all of them if the output names no such file."""
    arguments = result.trial.arguments
    failed = _FAILED.findall(result.output)
    if not failed or failed[-1] not in arguments:
        return arguments
    return arguments[: arguments.index(failed[-1]) + 1]
