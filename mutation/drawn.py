"""Mutants drawn by lot from the security core, made by the operators of mutmut.

mutmut's own runner is not used. It replaces functions only, so that tables and constants of a module stay as they are,
and it cannot run the tests of one attack row.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation import file_mutation
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

from mutation.named import ROOT

SOURCE: Final = ROOT / "src" / "doorward"
DOOR: Final = ("guard", "bearer", "body", "inbound", "sessions", "possession", "foreign_tokens", "accept")
MCP: Final = ("era", "headers", "jsonrpc", "sessions", "event_ids")
NOTHING_IGNORED: Final = IgnoredCode(set(), set(), set())


@dataclass(frozen=True, slots=True)
class Drawn:
    """One mutant: its module, its line, what changed, and the whole mutated source."""

    path: str
    line: int
    before: str
    after: str
    mutated: str

    @property
    def name(self) -> str:
        """The place, for tables."""
        return f"{self.path}:{self.line}"

    @property
    def change(self) -> str:
        """The change in one line."""
        return f"{' '.join(self.before.split())[:110]}  ->  {' '.join(self.after.split())[:110]}"


def modules() -> list[Path]:
    """Return the modules that mutants are drawn from."""
    folders = [*sorted((SOURCE / "oauth").rglob("*.py")), *sorted((SOURCE / "login").rglob("*.py"))]
    single = [SOURCE / "door" / f"{name}.py" for name in DOOR] + [SOURCE / "mcp" / f"{name}.py" for name in MCP]
    return [path for path in (*folders, *single) if path.exists()]


def mutants_of(path: Path) -> list[Drawn]:
    """Return every mutant of one module, except in words for people: a string with a space in it is a message."""
    wrapper = MetadataWrapper(cst.parse_module(path.read_text(encoding="utf-8")))
    visitor = file_mutation.MutationVisitor(mutation_operators, NOTHING_IGNORED)
    wrapper.visit(visitor)
    module = wrapper.module
    positions = wrapper.resolve(PositionProvider)
    found = []
    for each in visitor.mutations:
        if is_message(each.original_node):
            continue
        found.append(
            Drawn(
                path=str(path.relative_to(ROOT)),
                line=positions[each.original_node].start.line,
                before=module.code_for_node(each.original_node),
                after=module.code_for_node(each.mutated_node),
                mutated=file_mutation.deep_replace(module, each.original_node, each.mutated_node).code,
            )
        )
    return found


def is_message(node: cst.CSTNode) -> bool:
    """Return whether a node is a string that a person reads."""
    return isinstance(node, cst.SimpleString) and " " in node.value


def draw(count: int, seed: int) -> list[Drawn]:
    """Draw mutants, each of all modules with the same chance, and return them in the order of the source."""
    every = [each for path in modules() for each in mutants_of(path)]
    lot = random.Random(seed)
    return sorted(lot.sample(every, min(count, len(every))), key=lambda each: (each.path, each.line))
