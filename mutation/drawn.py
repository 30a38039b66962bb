"""Randomly drawn mutants of the security core, made by the operators of mutmut.

mutmut's own runner is not used. It replaces functions only, so that tables and constants of a module stay as they are,
and it cannot run chosen tests for each mutant.
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
FOLDERS: Final = ("oauth", "login", "directory", "authority", "keys", "records")
DOOR: Final = ("guard", "bearer", "body", "inbound", "sessions", "possession", "foreign_tokens", "accept")
MCP: Final = ("era", "headers", "jsonrpc", "sessions", "event_ids")
NOTHING_IGNORED: Final = IgnoredCode(set(), set(), set())


@dataclass(frozen=True, slots=True)
class Drawn:
    """One mutant: where it is, and the nodes of the tree that it changes."""

    path: str
    module: cst.Module
    mutation: file_mutation.Mutation
    line: int

    @property
    def name(self) -> str:
        """The place, for tables."""
        return f"{self.path}:{self.line}"

    @property
    def change(self) -> str:
        """The change in one line."""
        nodes = (self.mutation.original_node, self.mutation.mutated_node)
        return "  ->  ".join(" ".join(self.module.code_for_node(node).split())[:110] for node in nodes)

    def mutated(self) -> str:
        """Return the whole source with the mutant in it; slow, so it is made for those only that were drawn."""
        tree = file_mutation.deep_replace(self.module, self.mutation.original_node, self.mutation.mutated_node)
        assert isinstance(tree, cst.Module)
        return tree.code


def modules() -> list[Path]:
    """Return the modules that mutants are drawn from."""
    found = [path for folder in FOLDERS for path in sorted((SOURCE / folder).rglob("*.py"))]
    found += [SOURCE / "door" / f"{name}.py" for name in DOOR] + [SOURCE / "mcp" / f"{name}.py" for name in MCP]
    return found


def mutants_of(path: Path) -> list[Drawn]:
    """Return every mutant of one module, except in words for people: a string with a space in it is a message."""
    wrapper = MetadataWrapper(cst.parse_module(path.read_text(encoding="utf-8")))
    visitor = file_mutation.MutationVisitor(mutation_operators, NOTHING_IGNORED)
    wrapper.visit(visitor)
    positions = wrapper.resolve(PositionProvider)
    name = str(path.relative_to(ROOT))
    return [
        Drawn(name, wrapper.module, each, positions[each.original_node].start.line)
        for each in visitor.mutations
        if not is_message(each.original_node)
    ]


def is_message(node: cst.CSTNode) -> bool:
    """Return whether a node is a string that a person reads."""
    return isinstance(node, cst.SimpleString) and " " in node.value


def draw(count: int, seed: int) -> list[Drawn]:
    """Draw mutants, each of all modules with the same chance, and return them in the order of the source."""
    every = [each for path in modules() for each in mutants_of(path)]
    lot = random.Random(seed)
    return sorted(lot.sample(every, min(count, len(every))), key=lambda each: (each.path, each.line))
