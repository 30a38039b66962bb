"""Administration of accounts, for the command line and the pages: add, change, disable, remove.

Disabling an account ends every way to use it, in the same transaction. A consent in progress may add a grant that this
transaction does not see. So a second pass follows, when no further consent can succeed. For the same reason an account
is disabled before it is removed.
"""

from __future__ import annotations

import re

import msgspec

from doorward.authority.deciding import settle
from doorward.clock import Clock
from doorward.config.faults import shown, suggestion
from doorward.errors import AlreadyExists, ConfigError, Conflict, NotFound, Problem
from doorward.login.local import OWNER, hash_aside
from doorward.oauth.tokens.revocation import end_grant
from doorward.records.accounts import BrowserSession, HeaderToken, User, UserKind
from doorward.records.changes import Change, Delete, DeleteAll, Insert, Replace, Stored
from doorward.records.oauth import Consent, Grant
from doorward.storage.port import Store

SHORTEST_PASSWORD = 8
COMPARED = 500
"""How many names are compared to suggest one: a suggestion is not worth reading a large table."""

_NAME = re.compile(r"[^\W_][\w.@+-]{0,63}")


async def load_user(store: Store, user_id: str) -> Stored[User]:
    """Return one account.

    Raises:
        ConfigError: no such account; suggests the most similar name.
    """
    stored = await store.get(User, user_id)
    if stored:
        return stored
    meant = suggestion(user_id, [each.place.key for each in await store.page(User, limit=COMPARED)])
    fix = f"Did you mean {meant}?" if meant else "doorward users add NAME"
    raise NotFound([Problem(f"there is no user {shown(user_id)}", fix=fix)])


async def is_user(store: Store, user_id: str) -> bool:
    """Return whether an account has this name."""
    return await store.get(User, user_id) is not None


async def add_user(store: Store, clock: Clock, user_id: str, *, kind: UserKind, password: str | None) -> User:
    """Add an account; a service account has no password, because no one signs in to it.

    Raises:
        ConfigError: the name is taken or not valid, or the password is too short.
    """
    if not _NAME.fullmatch(user_id):
        raise ConfigError(
            [Problem(f"{shown(user_id)} is not a name", "Letters, digits and . _ @ + -, at most 64, a letter first.")]
        )
    hashed = None if password is None else await hash_aside(acceptable(password))
    user = User(user_id=user_id, user_kind=kind, password_hash=hashed, created_at=clock.now())
    try:
        await store.apply([Insert(user)])
    except Conflict:
        raise AlreadyExists(
            [Problem(f"there is a user {shown(user_id)} already", fix=f"doorward users show {user_id}")]
        ) from None
    return user


async def set_password(store: Store, user_id: str, password: str) -> None:
    """Set the password and sign the user out of every browser.

    Raises:
        ConfigError: no such user, a service account, or too short a password.
    """
    hashed = await hash_aside(acceptable(password))

    async def attempt() -> list[Change]:
        stored = await load_user(store, user_id)
        if stored.record.user_kind == "service":
            raise ConfigError([Problem(f"{user_id} is a service account", "Nobody signs in as it, so no password.")])
        changed = _with(stored.record, password_hash=hashed)
        return [Replace(changed, stored.version), DeleteAll(BrowserSession, "user_id", user_id)]

    await settle(store, attempt)


async def disable_user(store: Store, clock: Clock, user_id: str) -> None:
    """Disable an account: it can't sign in, and all its grants, browser sessions and header tokens end.

    Raises:
        ConfigError: no such user.
    """
    await _switch_off(store, clock, user_id, "user_disabled")
    await settle(store, lambda: _ended(store, clock, user_id, "user_disabled"))


async def enable_user(store: Store, user_id: str) -> None:
    """Let an account sign in again. What ended when it was disabled stays ended.

    Raises:
        ConfigError: no such user.
    """

    async def attempt() -> list[Change]:
        stored = await load_user(store, user_id)
        return [Replace(_with(stored.record, disabled_at=None), stored.version)]

    await settle(store, attempt)


async def remove_user(store: Store, clock: Clock, user_id: str) -> None:
    """Remove an account and everything it allowed.

    Raises:
        ConfigError: no such user, or it is the owner, which the next start would create again.
    """
    if user_id == OWNER:
        fix = f"To lock it: doorward users disable {OWNER}"
        raise ConfigError([Problem(f"each start creates the account {OWNER} if it is missing", fix=fix)])

    async def attempt() -> list[Change]:
        stored = await load_user(store, user_id)
        ended = await _ended(store, clock, user_id, "user_removed")
        return [Delete(User, user_id, stored.version), *ended]

    await _switch_off(store, clock, user_id, "user_removed")
    await settle(store, attempt)


def acceptable(password: str) -> str:
    """Return the password if it is long enough. Spec: NIST SP 800-63B s5.1.1.2 (only length counts)."""
    if len(password) < SHORTEST_PASSWORD:
        raise ConfigError([Problem("the password is too short", f"It needs at least {SHORTEST_PASSWORD} characters.")])
    return password


async def _switch_off(store: Store, clock: Clock, user_id: str, reason: str) -> None:
    async def attempt() -> list[Change]:
        stored = await load_user(store, user_id)
        off = _with(stored.record, disabled_at=stored.record.disabled_at or clock.now())
        return [Replace(off, stored.version), *await _ended(store, clock, user_id, reason)]

    await settle(store, attempt)


async def _ended(store: Store, clock: Clock, user_id: str, reason: str) -> list[Change]:
    changes: list[Change] = []
    for grant in await store.find(Grant, user_id=user_id):
        if grant.record.revoked_at is None:
            changes.extend(end_grant(grant, reason=reason, now=clock.now()))
    everything = (BrowserSession, HeaderToken, Consent)
    return [*changes, *(DeleteAll(each, "user_id", user_id) for each in everything)]


def _with(user: User, **changed: object) -> User:
    return msgspec.structs.replace(user, **changed)
