"""Rate limit on guesses of device user codes, per person, counted in the store for all nodes together.

A correct code does not reset the count of wrong ones, so owning devices buys no further guesses.

Spec: RFC 8628 s5.1.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from doorward.authority.authority import Authority
from doorward.login import delays as limits
from doorward.login.tries import Subject, Tries
from doorward.oauth.tokens.opaque import digest

Found = TypeVar("Found")

DELAYS = limits.Delays(free=5, first_seconds=30, longest_seconds=3600)
"""About ten wrong codes within the ten minutes of a code, out of 25,600,000,000."""


class DeviceTries:
    """The counters of one authorization server."""

    def __init__(self, authority: Authority) -> None:
        self.tries = Tries(authority)

    async def check(self, user_id: str, look: Callable[[], Awaitable[Found | None]]) -> Found | None:
        """Return what `look` finds under the code; None counts as a wrong guess.

        Raises:
            TooManyRequests: too many wrong guesses before, or too many at once; nothing was looked up.
            Unavailable: the store cannot answer.
        """
        return await self.tries.check(look, Subject(digest(f"device code\n{user_id}"), DELAYS))
