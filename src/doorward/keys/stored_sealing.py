"""Sealing of what stays in the store: there, a key that is not known here is one that this process has yet to learn.

Another node may seal with a new key seconds before this one looks for new keys. To take what it sealed for lost would
send an honest client away for good, so the keys are looked up first. What strangers present is never opened in this
way: they could make every request ask the store.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from doorward.errors import KeyNotKnown, StartError, Unavailable
from doorward.keys.sealing import Sealer


class StoredSealer:
    """Seals like the sealer it is made from, and asks for keys where that one gives up."""

    def __init__(self, sealer: Sealer, refresh: Callable[[], Awaitable[None]]) -> None:
        self._sealer = sealer
        self._refresh = refresh
        self._lost: set[bytes] = set()
        """Ids of keys that are in no key ring any more. They come from our own records, so they are few."""

    def seal(self, plain: bytes, context: bytes = b"") -> bytes:
        """Encrypt; only a caller that names the same context can open it again."""
        return self._sealer.seal(plain, context)

    def unseal(self, sealed: bytes, context: bytes = b"") -> bytes | None:
        """Return the plain bytes, or None for what was not sealed for this or whose key is gone.

        Raises:
            KeyNotKnown: its key may be one to learn.
        """
        plain = self._sealer.unseal(sealed, context)
        key_id = self._sealer.key_id(sealed)
        if plain is None and not self._sealer.knows(key_id) and key_id not in self._lost:
            raise KeyNotKnown(lambda: self._learn(key_id))
        return plain

    async def _learn(self, key_id: bytes) -> None:
        try:
            await self._refresh()
        except StartError as error:
            raise Unavailable(str(error)) from error
        if not self._sealer.knows(key_id):
            self._lost.add(key_id)
