"""The grants that a redemption takes the place of, found through the consent they were given under.

Two reads by key and one for each grant of that consent, whatever the number of the user's grants.
"""

from __future__ import annotations

from doorward.authority.authority import Authority
from doorward.oauth.authorization.consent import consent_id, may_supersede, superseding
from doorward.oauth.tokens.reply import TokenReply
from doorward.records.changes import Decision, Stored
from doorward.records.oauth import AuthorizationCode, Consent, Grant


async def ending_older_grants(
    authority: Authority,
    decision: Decision[TokenReply],
    code: Stored[AuthorizationCode] | None,
    grant: Stored[Grant] | None,
) -> Decision[TokenReply]:
    """Return the decision about a code together with the end of the grants before it."""
    if grant is None or not may_supersede(code, policy=authority.policy):
        return decision
    newest = grant.record
    key = consent_id(
        user_id=newest.user_id,
        client_id=newest.client_id,
        redirect_uri=newest.redirect_uri,
        resource=newest.resource,
    )
    consent = await authority.store.get(Consent, key)
    before = [each for each in consent.record.grant_ids if each != newest.grant_id] if consent else []
    found = [await authority.store.get(Grant, each) for each in before]
    older = [each for each in found if each is not None]
    return superseding(decision, newest, older, now=authority.clock.now(), policy=authority.policy)
