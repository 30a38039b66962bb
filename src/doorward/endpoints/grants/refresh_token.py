"""Rotates a refresh token, and closes the window of its predecessor.

Spec: RFC 6749 s6; RFC 9700 s4.14.
"""

from __future__ import annotations

from doorward.authority.authority import Authority
from doorward.oauth.grants.refresh_token import refresh
from doorward.oauth.tokens.opaque import digest
from doorward.oauth.tokens.reply import Redemption, TokenReply
from doorward.records.changes import Decision
from doorward.records.oauth import Grant, RefreshToken


async def decide(authority: Authority, request: Redemption) -> Decision[TokenReply]:
    """Decide about a refresh token."""
    store = authority.store
    presented = request.form.get("refresh_token")
    token = await store.get(RefreshToken, digest(presented)) if presented else None
    before = token.record.predecessor_digest if token else None
    return refresh(
        request,
        presented=token,
        predecessor=await store.get(RefreshToken, before) if before else None,
        grant=await store.get(Grant, token.record.grant_id) if token else None,
    )
