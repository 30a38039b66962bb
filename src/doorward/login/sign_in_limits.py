"""Rate limits on passwords: how many wrong ones slow down an account, from one address and in total."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from doorward.authority.authority import Authority
from doorward.login import delays as limits
from doorward.login.tries import Subject, Tries
from doorward.oauth.addresses import neighbourhood
from doorward.oauth.tokens.opaque import digest

Found = TypeVar("Found")


class SignInLimits:
    """The delays of one authorization server."""

    def __init__(self, authority: Authority) -> None:
        self.tries = Tries(authority)

    async def check(self, name: str, address: str, look: Callable[[], Awaitable[Found | None]]) -> Found | None:
        """Return what `look` finds if the password is right, and None if it is wrong.

        Raises:
            TooManyRequests: too many wrong passwords before, or too many at once; none was verified.
            Unavailable: the store cannot answer.
        """
        # Without an address (behind a Unix socket), the digest would otherwise equal the account's own.
        here = Subject(digest(f"sign-in\n{address or 'unknown'}\n{name}"), limits.FROM_ONE_ADDRESS, forgives=True)
        everywhere = Subject(digest(f"sign-in\n\n{name}"), limits.IN_ALL)
        network = digest(f"sign-in network\n{neighbourhood(address)}\n{name}")
        return await self.tries.check(look, here, everywhere, network=network)
