"""The refresh token grant: every use rotates; a repeat within the window gets the identical successor.

Two processes of one client may refresh at the same time, and replies get lost. Both look like theft to a server that
only counts uses. So a spent token keeps its sealed reply until the window closes or the successor is used, whichever is
first. After that, use of a spent token means that two parties hold it, and the grant ends with all its tokens.

Implements RFC 6749 s6, RFC 8707 s2.2 and RFC 9700 s4.14.2. Does not know how the client proved who it is.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from doorward.oauth.errors import InvalidGrant, InvalidRequest, Reason, UnauthorizedClient
from doorward.oauth.parameters import parse_scope
from doorward.oauth.resource_indicators import granted
from doorward.oauth.scopes import narrowed
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
from doorward.records.changes import Change, Decision, Replace, Stored
from doorward.records.oauth import Client, Grant, RefreshToken


def refresh(
    request: Redemption,
    *,
    presented: Stored[RefreshToken] | None,
    predecessor: Stored[RefreshToken] | None,
    grant: Stored[Grant] | None,
) -> Decision[TokenReply]:
    """Decide what a refresh token gives: the next pair, the identical pair again, or a refusal.

    `predecessor` is the record that `presented.record.predecessor_digest` names, if it exists. A refusal that changes
    nothing is raised; reuse that ends the grant is returned as a reply with changes.

    Raises:
        OAuthError: refused; the token, if it was usable, still is.

    Spec: RFC 6749 s6, RFC 9700 s4.14.2
    """
    form, client, now, policy = request.form, request.client.record, request.now, request.policy
    _check_request(form, client)
    if presented is None:
        raise InvalidGrant("The refresh token is not known here.", Reason.UNKNOWN_REFRESH_TOKEN)
    record = presented.record
    if record.client_id != client.client_id:
        raise InvalidGrant("The refresh token belongs to another client.", Reason.FOREIGN_REFRESH_TOKEN)
    check_key(record.dpop_jkt, request.minted.dpop_jkt)
    alive = live_grant(grant, record.grant_id, now=now, policy=policy)
    granted(record.resource, requested=form.get("resource"), policy=policy)
    scopes = narrowed(parse_scope(form.get("scope")), granted=record.scopes)
    if record.rotated_at is not None:
        return _repeated(request, presented, record.rotated_at, grant=alive)
    if record.expires_at is not None and record.expires_at <= now:
        raise InvalidGrant("The refresh token has expired. Ask the user again.", Reason.EXPIRED_REFRESH_TOKEN)
    made = issue(request, source=record, scopes=scopes, grant=alive)
    spent = msgspec.structs.replace(record, rotated_at=now, sealed_reply=made.sealed)
    changes = (Replace(spent, presented.version), *_close_window(record, predecessor), *made.changes)
    return Decision(TokenReply(made.body), changes)


def _check_request(form: Mapping[str, str], client: Client) -> None:
    if "refresh_token" not in client.grant_types:
        raise UnauthorizedClient("This client did not register for refresh_token.", Reason.GRANT_TYPE_NOT_REGISTERED)
    if "refresh_token" not in form:
        raise InvalidRequest("refresh_token is missing.", Reason.MISSING_PARAMETER)


def _close_window(record: RefreshToken, predecessor: Stored[RefreshToken] | None) -> tuple[Change, ...]:
    if (
        predecessor is None
        or predecessor.record.refresh_digest != record.predecessor_digest
        or predecessor.record.sealed_reply is None
    ):
        return ()
    return (Replace(msgspec.structs.replace(predecessor.record, sealed_reply=None), predecessor.version),)


def _repeated(
    request: Redemption, presented: Stored[RefreshToken], rotated_at: int, *, grant: Stored[Grant]
) -> Decision[TokenReply]:
    now, policy = request.now, request.policy
    if presented.record.sealed_reply is not None and now - rotated_at <= policy.refresh_replay_seconds:
        body = repeat(presented, sealing=request.sealing)
        if body is None:
            # A repeat within the window is honest; only the key that sealed the reply is gone.
            raise InvalidGrant("The reply cannot be repeated. Ask the user again.", Reason.REPLY_LOST)
        return repeated(presented, grant, body)
    refusal = InvalidGrant("The refresh token was used before.", Reason.REUSED_REFRESH_TOKEN)
    return Decision(TokenReply(error=refusal), end_grant(grant, reason=Reason.REUSED_REFRESH_TOKEN, now=now))
