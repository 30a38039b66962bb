"""The authorization code grant: a code is redeemed once, by the client it was made for, with the right verifier.

Everything is checked before the code is consumed, so a failed attempt leaves the honest client's code usable. A code
that is presented again has two explanations. If client, redirect URI and verifier match within seconds, the reply was
lost, and the client gets the identical reply. Otherwise it is theft, and the grant ends.

Implements RFC 6749 s4.1.3 and s4.1.4, RFC 7636 s4.6, RFC 8707 s2.2, RFC 9700 s2.1. Does not know how the client proved
who it is.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from doorward.oauth.authorization.pkce import is_verifier, verify
from doorward.oauth.clients.terms import still_hold
from doorward.oauth.errors import InvalidGrant, InvalidRequest, OAuthError, Reason, UnauthorizedClient
from doorward.oauth.parameters import parse_scope
from doorward.oauth.resource_indicators import granted
from doorward.oauth.scopes import kept
from doorward.oauth.tokens.reply import (
    Redemption,
    TokenReply,
    check_key,
    issue,
    live_grant,
    repeat,
    repeated,
)
from doorward.oauth.tokens.revocation import end_grant
from doorward.records.changes import Decision, Replace, Stored
from doorward.records.oauth import AuthorizationCode, Client, Grant


def redeem_code(
    request: Redemption, *, code: Stored[AuthorizationCode] | None, grant: Stored[Grant] | None
) -> Decision[TokenReply]:
    """Decide what a code gives: tokens, the identical tokens again, or a refusal.

    A refusal that changes nothing is raised; a replay that ends the grant is returned as a reply with changes.

    Raises:
        OAuthError: refused; the code, if it was usable, still is.

    Spec: RFC 6749 s4.1.3, s4.1.2
    """
    form, client, now = request.form, request.client.record, request.now
    _check_request(form, client)
    if code is None:
        raise InvalidGrant("The code is not known here.", Reason.UNKNOWN_CODE)
    if code.record.client_id != client.client_id:
        # Redeemed codes too: someone who saw a user's code must not be able to end the user's grant.
        raise InvalidGrant("The code belongs to another client.", Reason.FOREIGN_CODE)
    if code.record.redeemed_at is not None:
        return _replayed(request, code=code, grant=grant)
    _check_still_good(code.record, client, now)
    _check_proof(request, code.record)
    alive = live_grant(grant, code.record.grant_id, now=now, policy=request.policy)
    scopes = kept(parse_scope(form.get("scope")), granted=code.record.scopes)
    made = issue(request, source=code.record, scopes=scopes, grant=alive)
    spent = msgspec.structs.replace(
        code.record,
        redeemed_at=now,
        sealed_reply=made.sealed,
        expires_at=now + request.policy.spent_code_seconds,
        dpop_jkt=request.minted.dpop_jkt,
    )
    return Decision(TokenReply(made.body), (Replace(spent, code.version), *made.changes))


def _check_request(form: Mapping[str, str], client: Client) -> None:
    if "authorization_code" not in client.grant_types:
        raise UnauthorizedClient(
            "This client did not register for authorization_code.", Reason.GRANT_TYPE_NOT_REGISTERED
        )
    if "code" not in form:
        raise InvalidRequest("code is missing.", Reason.MISSING_PARAMETER)


def _check_still_good(code: AuthorizationCode, client: Client, now: int) -> None:
    if not still_hold(code.client_terms, client):
        raise InvalidGrant("The client has changed. Ask the user again.", Reason.CLIENT_CHANGED)
    if code.expires_at is not None and code.expires_at <= now:
        raise InvalidGrant("The code has expired. Ask the user again.", Reason.EXPIRED_CODE)


def _check_proof(request: Redemption, code: AuthorizationCode) -> None:
    form = request.form
    # OAuth 2.1 makes redirect_uri optional here, because PKCE binds the code. If it is sent, it must be right.
    if form.get("redirect_uri", code.redirect_uri) != code.redirect_uri:
        raise InvalidGrant("redirect_uri differs from that of the authorization request.", Reason.WRONG_REDIRECT_URI)
    verifier = form.get("code_verifier")
    if verifier is None:
        raise InvalidRequest("code_verifier is missing.", Reason.MISSING_PARAMETER)
    if not verify(code.code_challenge, verifier):
        reason = Reason.WRONG_VERIFIER if is_verifier(verifier) else Reason.MALFORMED_VERIFIER
        raise InvalidGrant("code_verifier does not match the challenge.", reason)
    check_key(code.dpop_jkt, request.minted.dpop_jkt)
    granted(code.resource, requested=form.get("resource"), policy=request.policy)


def _replayed(
    request: Redemption, *, code: Stored[AuthorizationCode], grant: Stored[Grant] | None
) -> Decision[TokenReply]:
    now, policy = request.now, request.policy
    alive = live_grant(grant, code.record.grant_id, now=now, policy=policy)
    redeemed_at = code.record.redeemed_at
    assert redeemed_at is not None
    is_timely = code.record.sealed_reply is not None and now - redeemed_at <= policy.code_replay_seconds
    if is_timely and _is_proved(request, code.record):
        body = repeat(code, sealing=request.sealing)
        if body is None:
            # A repeat within the window is honest; the key that sealed the reply is gone, or is not known here yet.
            raise InvalidGrant("The reply cannot be repeated. Ask the user again.", Reason.REPLY_LOST)
        return repeated(code, alive, body)
    refusal = InvalidGrant("The code was used before.", Reason.REPLAYED_CODE)
    wiped = msgspec.structs.replace(code.record, sealed_reply=None)
    return Decision(
        TokenReply(error=refusal),
        (Replace(wiped, code.version), *end_grant(alive, reason=Reason.REPLAYED_CODE, now=now)),
    )


def _is_proved(request: Redemption, code: AuthorizationCode) -> bool:
    try:
        _check_proof(request, code)
    except OAuthError:
        return False
    return True
