"""Exchanges an access token, with the actor token if there is one.

Spec: RFC 8693 s2.
"""

from __future__ import annotations

from doorward.authority.authority import Authority
from doorward.authority.exchanged_tokens import actor_stands
from doorward.oauth.grants.token_exchange import NOTHING, Exchanged, exchange
from doorward.oauth.tokens.opaque import digest
from doorward.oauth.tokens.reply import Redemption, TokenReply
from doorward.records.changes import Decision
from doorward.records.oauth import AccessToken, Grant


async def decide(authority: Authority, request: Redemption) -> Decision[TokenReply]:
    """Decide about an exchange of tokens."""
    return exchange(
        request,
        subject=await _find(authority, request.form.get("subject_token"), now=request.now),
        actor=await _find(authority, request.form.get("actor_token"), now=request.now),
    )


async def _find(authority: Authority, token: str | None, *, now: int) -> Exchanged:
    store = authority.store
    access = await store.get(AccessToken, digest(token)) if token else None
    if access is None or not await actor_stands(store, access.record, now=now):
        return NOTHING
    return Exchanged(access, await store.get(Grant, access.record.grant_id))
