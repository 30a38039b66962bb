"""Settings under construction: values so far, where each was written, and every fault found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from doorward.config import rules
from doorward.config.database import absolute_database
from doorward.config.faults import Fault
from doorward.config.settings import catalogue
from doorward.config.sources import Entry
from doorward.config.values import from_text, from_toml
from doorward.errors import Problem


@dataclass(slots=True)
class Draft:
    """The values of a file, and their faults."""

    values: dict[str, Any]
    """The settings outside the doors' tables."""
    entries: Mapping[str, Entry]
    """The entries as written, by key."""
    problems: list[Problem]
    broken: set[str] = field(default_factory=set)
    """The keys with unusable values; rules between settings skip them."""

    def accept(self, entry: Entry, values: dict[str, Any]) -> bool:
        """Store the value of an entry in `values`; if it cannot be used, add a problem and return False."""
        try:
            setting = catalogue()[entry.name]
            value = (from_toml if entry.typed else from_text)(setting, entry.value, entry.base)
            if setting.bounds:
                setting.bounds.check(value)
            if rule := rules.FIELD_RULES.get(entry.name):
                value = rule(value)
        except Fault as fault:
            self.add(fault, entry.where)
            return False
        values[entry.name] = absolute_database(value, entry.base) if entry.name == "database" else value
        return True

    def complain(self, names: tuple[str, ...], fault: Fault, door: str = "") -> None:
        """Add a fault between settings, at the first of them, unless one of them is already broken."""
        keys = [self.key(name, door) for name in names]
        if not self.broken.intersection(keys):
            self.add(fault, self.entries[keys[0]].where)

    def key(self, name: str, door: str) -> str:
        """Return where a door's setting comes from: its own table, or the default for all doors."""
        own = f"doors.{door}.{name}"
        return own if door and own in self.entries else name

    def add(self, fault: Fault, where: str) -> None:
        """Add a problem."""
        self.problems.append(Problem(fault.what, fault.why, fault.fix, where))
