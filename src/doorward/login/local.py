"""Local accounts: Argon2id passwords, verified in a bounded pool so that guesses cannot starve the server.

Does not know browsers or OAuth. Generated secrets never come here: they are random enough for SHA-256.

Spec: RFC 9106 s4; parameters as OWASP recommends for servers (19 MiB, two passes, one lane).
"""

from __future__ import annotations

import asyncio
import functools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from doorward.clock import Clock, Entropy
from doorward.errors import Conflict
from doorward.records.accounts import User
from doorward.records.changes import Insert, Stored
from doorward.storage.port import Store

OWNER = "owner"

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_POOL_THREADS = 2
"""Two verifications at once, about 40 MiB; further sign-ins queue."""


def hash_password(password: str) -> str:
    """Return the encoded Argon2id hash."""
    return _HASHER.hash(password)


def generate_password(entropy: Entropy) -> str:
    """Return a password of 98 random bits in five groups that can be read aloud (no 0, O, 1, l, i, u)."""
    alphabet = "23456789abcdefghjkmnpqrstvwxyz"
    number = int.from_bytes(entropy.random_bytes(16), "big")
    letters = []
    for _ in range(20):
        number, position = divmod(number, len(alphabet))
        letters.append(alphabet[position])
    return "-".join("".join(letters[start : start + 4]) for start in range(0, 20, 4))


@functools.lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_POOL_THREADS, thread_name_prefix="doorward-password")


async def hash_aside(password: str) -> str:
    """Return the hash as `hash_password` does, computed in the pool, so that other requests are not blocked."""
    return await asyncio.get_running_loop().run_in_executor(_pool(), hash_password, password)


@functools.lru_cache(maxsize=1)
def _nobody() -> str:
    return hash_password("nobody has this password")


def _matches(password_hash: str | None, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash or _nobody(), password)
    except (Argon2Error, InvalidHashError):
        return False


async def verify_password(store: Store, user_id: str, password: str) -> Stored[User] | None:
    """Return the user as read, if the password is right and the account may sign in.

    An unknown name takes as long as a wrong password, so that timing does not reveal which names exist.

    Raises:
        Unavailable: the store cannot answer.
    """
    stored = await store.get(User, user_id)
    user = stored.record if stored else None
    expected = user.password_hash if user else None
    matched = await asyncio.get_running_loop().run_in_executor(_pool(), _matches, expected, password)
    if not matched or user is None or user.password_hash is None or user.disabled_at is not None:
        return None
    return stored


@dataclass(frozen=True, slots=True)
class Owner:
    """The state of the account `owner` at this start."""

    created: bool = False
    generated_password: str | None = field(default=None, repr=False)
    """Generated because none was given; show it once."""


async def ensure_owner(store: Store, clock: Clock, entropy: Entropy, password: str | None) -> Owner:
    """Create the account `owner` unless it exists."""
    if await store.get(User, OWNER):
        return Owner()
    generated = None if password else generate_password(entropy)
    hashed = await hash_aside(password or generated or "")
    try:
        await store.apply([Insert(User(user_id=OWNER, password_hash=hashed, created_at=clock.now()))])
    except Conflict:  # another process was first
        return Owner()
    return Owner(created=True, generated_password=generated)
