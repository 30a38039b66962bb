"""Issues a token for an identity assertion, with its issuer's keys and the account that it names.

Spec: RFC 7523 s2.1.
"""

from __future__ import annotations

from collections.abc import Sequence

from doorward.authority.authority import Authority
from doorward.oauth.clients.keys import Key
from doorward.oauth.grants.id_jag import check_assertion, read_assertion
from doorward.oauth.grants.jwt_bearer import jwt_bearer, presented_assertion
from doorward.oauth.tokens.reply import Redemption, TokenReply
from doorward.records.accounts import User
from doorward.records.changes import Decision
from doorward.records.oauth import Grant, SeenAssertion


async def decide(authority: Authority, request: Redemption) -> Decision[TokenReply]:
    """Decide about an identity assertion.

    Raises:
        Unavailable: its issuer's keys can't be fetched now, which says nothing about the assertion.
    """
    store, client, policy = authority.store, request.client.record, request.policy
    assertion = read_assertion(presented_assertion(request), policy=policy)
    keys: Sequence[Key] = assertion.issuer.keys
    if not keys and authority.issuer_keys is not None:
        keys = await authority.issuer_keys.keys(assertion)
    identity = check_assertion(assertion, keys=keys, client=client, now=request.now, policy=policy)
    return jwt_bearer(
        request,
        identity=identity,
        seen=await store.get(SeenAssertion, identity.seen.assertion_digest),
        user=await store.get(User, identity.user_id),
        grants=await store.find(Grant, user_id=identity.user_id, client_id=client.client_id),
    )
