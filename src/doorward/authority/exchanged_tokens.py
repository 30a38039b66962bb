"""Whether every actor of an exchanged token still exists and may act.

The token belongs to the grant of the user it acts for, so ending an actor ends neither that grant nor the token. Such
tokens are rare, so accepting one also looks up its actors: clients by id, and the accounts of each `actor_token`.
"""

from __future__ import annotations

from doorward.records.accounts import User
from doorward.records.oauth import AccessToken, Client
from doorward.storage.port import Store


async def actor_stands(store: Store, record: AccessToken, *, now: int) -> bool:
    """Return whether the token was not exchanged, or all its actors may still act. Raises `Unavailable`."""
    if not record.act:
        return True
    names = dict.fromkeys((record.client_id, *record.act))
    return all([await _stands(store, name, now) for name in names])


async def _stands(store: Store, name: str, now: int) -> bool:
    client, user = await store.get(Client, name), await store.get(User, name)
    if client is not None and client.record.expires_at is not None and client.record.expires_at <= now:
        return False
    if user is not None and user.record.disabled_at is not None:
        return False
    return client is not None or user is not None
