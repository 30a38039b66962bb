"""Sealing of stored values: if the key is unknown here, this process may just not have loaded it yet.

Another node may seal with a new key seconds before this one looks for new keys. If its value counted as lost, an honest
client would lose its tokens, so unknown keys are looked up first. Values that clients present are never opened this
way: they could make every request read the store.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from doorward.errors import KeyNotKnown, StartError, Unavailable
from doorward.keys.sealing import Sealer


class StoredSealer:
    """Seals like the sealer it wraps, and looks up unknown keys before it gives up."""

    def __init__(self, sealer: Sealer, refresh: Callable[[], Awaitable[None]]) -> None:
        self._sealer = sealer
        self._refresh = refresh
        self._lost: set[bytes] = set()
        """Key ids that are not in the ring. They come from our own records, so they are few."""

    def seal(self, plain: bytes, context: bytes = b"") -> bytes:
        """Encrypt; only the same context opens it again."""
        return self._sealer.seal(plain, context)

    def unseal(self, sealed: bytes, context: bytes = b"") -> bytes | None:
        """Return the plain bytes, or None for a value of another purpose or context, or with a removed key.

        Raises:
            KeyNotKnown: the key is unknown here, and may be a new one.
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
