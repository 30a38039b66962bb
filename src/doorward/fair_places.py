"""A limited number of places that users share, so that no user can hold all of them.

A user may take a place while they hold fewer places than are free. So one user holds at most half of all places, two
users a third each. There is room for the next user until about as many users compete as there are places. When a place
becomes free, the waiting users take turns; calls of one user wait in order. The caller decides what identifies a user:
any string.
"""

from __future__ import annotations

import asyncio
from collections import deque

Waiter = asyncio.Future[None]

_WAITING_PER_PLACE = 4
"""How many calls of one user may wait, per place."""


class FairPlaces:
    """`places` places, shared by any number of users."""

    __slots__ = ("_held", "_most_waiting", "_waiting", "free")

    def __init__(self, places: int) -> None:
        self.free = places
        """How many places are free."""
        self._most_waiting = _WAITING_PER_PLACE * places
        self._held: dict[str, int] = {}
        self._waiting: dict[str, deque[Waiter]] = {}
        """By user, in the order of their turns."""

    def try_take(self, user: str) -> bool:
        """Take a place without waiting; return False if this user cannot have one now."""
        if user in self._waiting or self._held.get(user, 0) >= self.free:
            return False
        self._take(user)
        return True

    async def take(self, user: str, within_seconds: float) -> bool:
        """Take a place, or wait for one; return False if none came in time, or too many calls of this user wait."""
        if self.try_take(user):
            return True
        queue = self._waiting.setdefault(user, deque())
        if len(queue) >= self._most_waiting:
            return False
        waiter: Waiter = asyncio.get_running_loop().create_future()
        queue.append(waiter)
        try:
            async with asyncio.timeout(within_seconds):
                await waiter
        except TimeoutError:
            return _was_given(waiter)
        except asyncio.CancelledError:
            if _was_given(waiter):
                self.give_back(user)  # the place was given in the same instant
            raise
        finally:
            self._leave(user, waiter)
        return True

    def give_back(self, user: str) -> None:
        """Free a place of this user, and give free places to the users whose turn it is."""
        self.free += 1
        left = self._held[user] - 1
        if left:
            self._held[user] = left
        else:
            del self._held[user]
        for waiting in tuple(self._waiting):
            if not self.free:
                break
            self._give(waiting)

    def _give(self, user: str) -> None:
        """Give this user a place if it is their turn; then move the user to the end of the queue."""
        if self._held.get(user, 0) >= self.free:
            return
        queue = self._waiting.pop(user, None)
        while queue:
            waiter = queue.popleft()
            if not waiter.done():
                self._take(user)
                waiter.set_result(None)
                break
        if queue:
            self._waiting[user] = queue

    def _take(self, user: str) -> None:
        self.free -= 1
        self._held[user] = self._held.get(user, 0) + 1

    def _leave(self, user: str, waiter: Waiter) -> None:
        queue = self._waiting.get(user)
        if queue is None:
            return
        if waiter in queue:
            queue.remove(waiter)
        if not queue:
            del self._waiting[user]


def _was_given(waiter: Waiter) -> bool:
    return waiter.done() and not waiter.cancelled()
