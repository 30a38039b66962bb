"""Redeems a code, and ends the grants that the new one replaces.

Those are found through their common consent: two reads by key, and one for each grant of the consent, however many
grants the user has.

Spec: RFC 6749 s4.1.3; RFC 7636 s4.5.
"""

from __future__ import annotations

from doorward.authority.authority import Authority
from doorward.oauth.authorization.consent import consent_id, may_supersede, superseding
from doorward.oauth.grants.authorization_code import redeem_code
from doorward.oauth.tokens.opaque import digest
from doorward.oauth.tokens.reply import Redemption, TokenReply
from doorward.records.changes import Decision, Stored
from doorward.records.oauth import AuthorizationCode, Consent, Grant


async def decide(authority: Authority, request: Redemption) -> Decision[TokenReply]:
    """Decide about a code, and end the older grants."""
    presented = request.form.get("code")
    code = await authority.store.get(AuthorizationCode, digest(presented)) if presented else None
    grant = await authority.store.get(Grant, code.record.grant_id) if code else None
    decision = redeem_code(request, code=code, grant=grant)
    if grant is None or not may_supersede(code, policy=request.policy):
        return decision
    older = await _under_the_same_consent(authority, grant.record)
    return superseding(decision, grant.record, older, now=request.now, policy=request.policy)


async def _under_the_same_consent(authority: Authority, newest: Grant) -> list[Stored[Grant]]:
    key = consent_id(
        user_id=newest.user_id,
        client_id=newest.client_id,
        redirect_uri=newest.redirect_uri,
        resource=newest.resource,
    )
    consent = await authority.store.get(Consent, key)
    before = [each for each in consent.record.grant_ids if each != newest.grant_id] if consent else []
    found = [await authority.store.get(Grant, each) for each in before]
    return [each for each in found if each is not None]
