"""Users with a separate child for a while, because a child died while it worked for them. Pure.

All clients of a user are treated as one, because a user can register any number. The number of children is limited, the
number of users is not: if every place is in use, the next user shares the emptiest one, never the common child.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Final

PLACES: Final = 16


class Apart:
    """Users and their places, each a number below `PLACES`. Times are from any monotonic clock."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[float, int]] = {}
        """By user: until when, and the place."""

    def place_of(self, user: str, now: float) -> int | None:
        """Return the place of this user; None for the common child."""
        until, place = self._entries.get(user, (now, 0))
        return place if until > now else None

    def is_used(self, place: int, now: float) -> bool:
        """Return whether any user has this place."""
        return any(until > now and where == place for until, where in self._entries.values())

    def add(self, users: Iterable[str], until: float, now: float, *, running: Collection[int | None]) -> None:
        """Separate users until then. `running`: the places with a child, whose user may still be working."""
        self._entries = {user: entry for user, entry in self._entries.items() if entry[0] > now}
        for user in sorted(users):
            if user in self._entries:
                place = self._entries[user][1]
            else:
                users_of = Counter(where for _, where in self._entries.values())
                place = min(range(PLACES), key=lambda each: (users_of[each], each in running))
            self._entries[user] = (until, place)
