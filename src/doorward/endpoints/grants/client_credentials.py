"""Issues a client a token on its own behalf, with the service account that it is bound to.

Spec: RFC 6749 s4.4.
"""

from __future__ import annotations

from doorward.authority.authority import Authority
from doorward.oauth.grants.client_credentials import client_credentials
from doorward.oauth.tokens.reply import Redemption, TokenReply
from doorward.records.accounts import User
from doorward.records.changes import Decision
from doorward.records.oauth import Grant


async def decide(authority: Authority, request: Redemption) -> Decision[TokenReply]:
    """Decide about a client that acts on its own behalf."""
    store, client = authority.store, request.client.record
    user_id = client.service_user_id
    return client_credentials(
        request,
        account=await store.get(User, user_id) if user_id else None,
        grants=await store.find(Grant, user_id=user_id, client_id=client.client_id) if user_id else (),
    )
