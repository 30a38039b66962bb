"""Which server breaks which rule, and what else follows from its one change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from testbed.good import Good


@dataclass(frozen=True, slots=True)
class Fixture:
    """A server that breaks one rule."""

    rule: str
    server: type[Good]
    also: frozenset[str]
    """Rules that fail too, because of the same change: folded under the rule."""
    needs: frozenset[str]
    """What the probe needs: `login` a person, `token` what the server hands out, `repeat` several tries."""
    change: str
    """The one change, in words."""


BROKEN: dict[str, Fixture] = {}


def breaks(rule: str, *also: str, needs: str = "") -> Callable[[type[Good]], type[Good]]:
    """Note that a server breaks a rule, and what it is called in the table of the rules."""

    def note(server: type[Good]) -> type[Good]:
        assert server.__doc__, "the change has no words"
        BROKEN[rule] = Fixture(rule, server, frozenset(also), frozenset(needs.split()), server.__doc__)
        return server

    return note
