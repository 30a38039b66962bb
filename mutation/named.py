"""The mutants that the attack rows name (`tests/attacks/mutants/*.toml`), and how one is put into its module.

A row is a table of arrays: `module` below `src/doorward`, `without` (what the mutant lacks, in words), `old` and `new`.
The old text stands exactly once in the module. A refactoring that moves the text carries the mutant along.
"""

from __future__ import annotations

import ast
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "tests" / "attacks" / "mutants"
MEMBERS = {"module", "without", "old", "new"}


class Misfit(ValueError):
    """A mutant that cannot be put into its module, or is written down wrongly."""


@dataclass(frozen=True, slots=True)
class Named:
    """One mutant of one row."""

    row: str
    module: str
    without: str
    old: str
    new: str

    @property
    def name(self) -> str:
        """The row and what is missing, for tables and messages."""
        return f"{self.row} {self.without}"

    @property
    def path(self) -> str:
        """The file, relative to the root of the project."""
        return f"src/doorward/{self.module}"

    def put_into(self, source: str) -> str:
        """Return the source with this mutant in it.

        Raises:
            Misfit: the old text is missing or stands there twice, or the result is no Python or no change.
        """
        found = source.count(self.old)
        if found != 1:
            raise Misfit(f"{self.name}: its old text stands {found} times in {self.path}, and must stand there once")
        mutated = source.replace(self.old, self.new)
        try:
            changed = ast.dump(ast.parse(mutated)) != ast.dump(ast.parse(source))
        except SyntaxError as error:
            raise Misfit(f"{self.name}: with its new text {self.path} is no Python: {error}") from None
        if not changed:
            raise Misfit(f"{self.name}: its new text changes nothing in {self.path}")
        return mutated


def read(text: str, *, origin: str) -> list[Named]:
    """Return the mutants of one file.

    Raises:
        Misfit: a mutant lacks a member or has one too many, or two mutants of a row have the same words.
    """
    found: list[Named] = []
    for row, tables in tomllib.loads(text).items():
        found.extend(_read_one(row, table, origin) for table in tables)
    names = [each.name for each in found]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise Misfit(f"{origin}: described in the same words twice: {', '.join(doubled)}")
    return found


def _read_one(row: str, table: dict[str, Any], origin: str) -> Named:
    if set(table) != MEMBERS or not all(isinstance(value, str) for value in table.values()):
        raise Misfit(f"{origin}: {row} has a mutant with {sorted(table)}; give each {sorted(MEMBERS)}, as strings")
    return Named(row, **table)


def load() -> list[Named]:
    """Return the mutants of all rows, in the order of the rows."""
    found = [
        each for path in FOLDER.glob("*.toml") for each in read(path.read_text(encoding="utf-8"), origin=path.name)
    ]
    return sorted(found, key=lambda each: ("ABTRSUH".find(each.row[0]), each.row))


def misfits(mutants: list[Named], root: Path = ROOT) -> list[str]:
    """Return why each mutant that does not fit does not."""
    said = []
    for mutant in mutants:
        path = root / mutant.path
        if not path.exists():
            said.append(f"{mutant.name}: there is no {mutant.path}")
            continue
        try:
            mutant.put_into(path.read_text(encoding="utf-8"))
        except Misfit as error:
            said.append(str(error))
    return said
