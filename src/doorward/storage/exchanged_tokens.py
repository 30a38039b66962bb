"""Whether a token that was exchanged still has somebody to act with it.

It hangs on the grant of another client, so removing the client that has exchanged it does not end that grant. Such
tokens are few; whoever accepts one looks the acting client up as well.
"""

from __future__ import annotations

from doorward.oauth.records import AccessToken, Client
from doorward.storage.port import Store


async def actor_stands(store: Store, record: AccessToken, *, now: int) -> bool:
    """Tell whether the token was not exchanged, or the client that did so is still one. Raises `Unavailable`."""
    if not record.act:
        return True
    stored = await store.get(Client, record.client_id)
    return stored is not None and (stored.record.expires_at is None or stored.record.expires_at > now)
