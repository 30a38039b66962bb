"""The scopes that an operation needs: the door's own, and those that the operator put on a tool or a method.

Decided on the parsed body, never on a mirrored header. A tool call whose name is unreadable or ambiguous needs every
scope that any tool needs. A broader scope implies the narrower ones that the operator listed.

Implements the step-up of MCP basic/authorization and RFC 6750 s3.1. Does not know where scopes come from, nor HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import translate
from functools import lru_cache

from doorward.oauth.tokens import bearer

TOOL_CALL = "tools/call"
_GLOB = re.compile(r"[*?\[]")

ScopeTable = Mapping[str, tuple[str, ...]]
"""Name or glob to scopes."""


class OperationScopes:
    """The scope rules of one door, compiled once."""

    def __init__(
        self, door: tuple[str, ...], *, tools: ScopeTable, methods: ScopeTable, implies: ScopeTable | None = None
    ) -> None:
        self._door = door
        self._tools = _Patterns(tools)
        self._methods = _Patterns(methods)
        self._implies = _closure(implies or {})
        self._every_tool = _joined(door, *tools.values())

    @property
    def is_plain(self) -> bool:
        """Whether every operation needs exactly the door's scopes."""
        return not (self._tools.exist or self._methods.exist or self._implies)

    def required(self, method: str | None, params: Mapping[str, object]) -> tuple[str, ...]:
        """Return all scopes of an operation, the door's first."""
        if method is None:
            return self._door
        needed = _joined(self._door, self._methods.of(method)) if self._methods.exist else self._door
        if method == TOOL_CALL and self._tools.exist:
            name = params.get("name")
            # Some parsers ignore the case of keys, so the upstream could read the tool's name from a second spelling.
            if not isinstance(name, str) or any(key != "name" and key.casefold() == "name" for key in params):
                return _joined(needed, self._every_tool)
            return _joined(needed, self._tools.of(name))
        return needed

    def check(self, held: tuple[str, ...], method: str | None, params: Mapping[str, object]) -> None:
        """Check that the caller holds all scopes of the operation, or broader ones.

        Raises:
            BearerError: 403 with every scope that the operation needs, so that one step-up is enough.

        Spec: RFC 6750 s3.1
        """
        bearer.check_scopes(self.expanded(held), self.required(method, params))

    def expanded(self, held: tuple[str, ...]) -> tuple[str, ...]:
        """Return the held scopes with all scopes that they imply."""
        if not self._implies:
            return held
        return _joined(held, *(self._implies.get(scope, ()) for scope in held))


def further_scopes(door: tuple[str, ...], *tables: ScopeTable) -> tuple[str, ...]:
    """Return the scopes that only the tables name, in the order in which they are written."""
    names = (scope for table in tables for scopes in table.values() for scope in scopes)
    return tuple(dict.fromkeys(scope for scope in names if scope not in door))


class _Patterns:
    """Exact names by one lookup, then globs in order; all matches add up."""

    def __init__(self, table: ScopeTable) -> None:
        self.exist = bool(table)
        self._exact = {name: scopes for name, scopes in table.items() if not _GLOB.search(name)}
        self._globs = [(re.compile(translate(name)).match, table[name]) for name in table if name not in self._exact]
        # Names come from the caller, so this cache is bounded.
        self.of = lru_cache(maxsize=1024)(self._find)

    def _find(self, name: str) -> tuple[str, ...]:
        return _joined(self._exact.get(name, ()), *(scopes for matches, scopes in self._globs if matches(name)))


def _joined(*parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(scope for part in parts for scope in part))


def _closure(implies: ScopeTable) -> dict[str, tuple[str, ...]]:
    """Map each scope to all that it implies, directly or through others; cycles are cut."""
    found: dict[str, tuple[str, ...]] = {}
    for scope in implies:
        reached: dict[str, None] = {}
        waiting = [scope]
        while waiting:
            for narrower in implies.get(waiting.pop(), ()):
                if narrower not in reached:
                    reached[narrower] = None
                    waiting.append(narrower)
        found[scope] = tuple(reached)
    return found
