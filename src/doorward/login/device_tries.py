"""How often one person may guess at the codes of devices: counted in the store, for all nodes together.

A code that something waits under does not make up for wrong ones; so having devices of one's own does not buy further
guesses.

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
"""Some ten wrong codes within their ten minutes, of 25,600,000,000."""


class DeviceTries:
    """The counters of one authorization server."""

    def __init__(self, authority: Authority) -> None:
        self.tries = Tries(authority)

    async def check(self, user_id: str, look: Callable[[], Awaitable[Found | None]]) -> Found | None:
        """Return what `look` finds under the code; None is a wrong guess.

        Raises:
            TooManyRequests: too many wrong ones before it, or too many at this moment; nothing was looked at.
            Unavailable: the store cannot tell.
        """
        return await self.tries.check(look, Subject(digest(f"device code\n{user_id}"), DELAYS))
