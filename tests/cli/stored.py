"""What the commands have stored, read and written behind their back."""

import asyncio

from doorward.records.changes import Insert
from doorward.records.oauth import AccessToken, Grant, RefreshToken
from doorward.storage.opening import open_store


def in_store(tmp_path, operation):
    async def opened():
        store = open_store(None, tmp_path / ".doorward")
        await store.open()
        try:
            return await operation(store)
        finally:
            await store.close()

    return asyncio.run(opened())


def get(tmp_path, record_type, key):
    return in_store(tmp_path, lambda store: store.get(record_type, key))


def add_grant(tmp_path, *, user_id, client_id):
    grant = Grant(
        grant_id=f"grant-{user_id}-{client_id}",
        user_id=user_id,
        client_id=client_id,
        redirect_uri="https://client.example/cb",
        scopes=("mcp",),
        resource="http://127.0.0.1:8000/mcp",
        created_at=1_700_000_000,
    )
    shared = {
        "grant_id": grant.grant_id,
        "client_id": client_id,
        "user_id": user_id,
        "scopes": ("mcp",),
        "resource": grant.resource,
        "created_at": 1_700_000_000,
    }
    access = AccessToken(access_digest=f"a-{grant.grant_id}", **shared)
    refresh = RefreshToken(refresh_digest=f"r-{grant.grant_id}", **shared)
    in_store(tmp_path, lambda store: store.apply([Insert(grant), Insert(access), Insert(refresh)]))
    return grant.grant_id


def is_over(tmp_path, grant_id):
    gone = [get(tmp_path, kind, f"{kind.kind[0]}-{grant_id}") is None for kind in (AccessToken, RefreshToken)]
    return get(tmp_path, Grant, grant_id).record.revoked_at is not None and all(gone)
