"""Header tokens: an operator creates one for a user or a service account, and a client sends it as is in a header.

`create_header_token` returns the token itself once; afterwards only its digest exists.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from doorward.authority.deciding import settle
from doorward.clock import Clock, Entropy
from doorward.config.faults import shown
from doorward.directory.accounts import load_user
from doorward.errors import ConfigError, NotFound, Problem
from doorward.oauth.tokens.opaque import HEADER_TOKEN, digest, mint
from doorward.records.accounts import HeaderToken, User
from doorward.records.changes import Change, Delete, Expect, Insert, Stored
from doorward.storage.port import Place, Store

_READ_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHeaderToken:
    """What an operator specifies about a new token."""

    name: str
    user_id: str
    scopes: Sequence[str]
    lifetime_seconds: int | None
    capabilities: Sequence[str] = ()
    door: str = ""
    """The name of the door that accepts it."""


async def create_header_token(
    store: Store, clock: Clock, entropy: Entropy, new: NewHeaderToken
) -> tuple[str, HeaderToken]:
    """Create a token for a user; return the token and its record.

    Raises:
        ConfigError: no such user, or the account is disabled.
    """
    token = mint(HEADER_TOKEN, entropy.random_bytes(32))
    now, user_id = clock.now(), new.user_id
    record = HeaderToken(
        token_digest=digest(token),
        token_id=f"tok_{entropy.random_bytes(6).hex()}",
        name=new.name,
        user_id=user_id,
        scopes=tuple(dict.fromkeys(new.scopes)),
        created_at=now,
        expires_at=None if new.lifetime_seconds is None else now + new.lifetime_seconds,
        capabilities=tuple(dict.fromkeys(new.capabilities)),
        door=new.door,
    )

    async def attempt() -> list[Change]:
        user = await load_user(store, user_id)
        if user.record.disabled_at is not None:
            raise ConfigError(
                [Problem(f"the user {shown(user_id)} is disabled", fix=f"doorward users enable {user_id}")]
            )
        return [Expect(User, user_id, user.version), Insert(record)]

    await settle(store, attempt)
    return token, record


async def list_header_tokens(store: Store, user_id: str) -> list[HeaderToken]:
    """Return the records of all header tokens of a user, oldest first."""
    found = await store.find(HeaderToken, user_id=user_id)
    return sorted((stored.record for stored in found), key=lambda token: (token.created_at, token.token_id))


async def revoke_header_token(store: Store, handle: str) -> HeaderToken:
    """Remove a token, named by its id, or by its name if exactly one has it.

    Raises:
        ConfigError: none or several match.
    """
    removed: list[HeaderToken] = []

    async def attempt() -> list[Change]:
        found = await store.find(HeaderToken, token_id=handle)
        found = found or await _with_name(store, handle)
        if not found:
            raise NotFound([Problem(f"there is no token {shown(handle)}", fix="doorward tokens list")])
        if len(found) > 1:
            ids = ", ".join(sorted(stored.record.token_id for stored in found))
            raise ConfigError([Problem(f"{len(found)} tokens have the name {shown(handle)}", f"Name one by id: {ids}")])
        removed[:] = [found[0].record]
        return [Delete(HeaderToken, found[0].record.key, found[0].version)]

    await settle(store, attempt)
    return removed[0]


async def is_header_token(store: Store, handle: str) -> bool:
    """Return whether a token has this id or this name."""
    return bool(await store.find(HeaderToken, token_id=handle) or await _with_name(store, handle))


async def _with_name(store: Store, name: str) -> list[Stored[HeaderToken]]:
    found: list[Stored[HeaderToken]] = []
    after: Place | None = None
    while rows := await store.page(HeaderToken, limit=_READ_AT_ONCE, after=after):
        found += [each.stored for each in rows if each.stored.record.name == name]
        after = rows[-1].place
        # Let other requests run between two pages, because reading a file never yields.
        await asyncio.sleep(0)
    return found
