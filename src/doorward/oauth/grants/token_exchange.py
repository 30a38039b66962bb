"""Token exchange: from one of our access tokens to a weaker one, for the same user at the same door.

The new token belongs to the grant of the old one, so ending that grant ends both. It has no more scopes and no longer
lifetime. A client may exchange its own tokens. It may exchange another client's token only if an operator allowed that,
and the new token then names it as the actor, so delegation is always visible. With an actor token, the new token names
the actor before the client, never instead of it: ending either one must end the token.

Implements RFC 8693 s2 for access tokens; `act` as in s4.1. Does not know how the client proved who it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from doorward.oauth.errors import InvalidRequest, InvalidScope, Reason, UnauthorizedClient
from doorward.oauth.grant_types import TOKEN_EXCHANGE
from doorward.oauth.grants.standing import access_token_only, require_confidential, require_grant_type
from doorward.oauth.parameters import parse_scope
from doorward.oauth.policy import Policy
from doorward.oauth.resource_indicators import granted
from doorward.oauth.scopes import narrowed
from doorward.oauth.tokens.reply import Redemption, TokenReply, grant_ends_at
from doorward.records.changes import Change, Decision, Expect, Stored
from doorward.records.oauth import AccessToken, Client, Grant

ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"


@dataclass(frozen=True, slots=True)
class Exchanged:
    """A presented token and its grant as they were found; None for each that does not exist."""

    access: Stored[AccessToken] | None
    grant: Stored[Grant] | None


NOTHING = Exchanged(None, None)


def exchange(request: Redemption, *, subject: Exchanged, actor: Exchanged) -> Decision[TokenReply]:
    """Decide about an exchange; `subject` and `actor` are the records of the two tokens in the form.

    The new token is written only if client, both tokens and both grants are still as they were read.

    Raises:
        OAuthError: refused; a bad token is `invalid_request`, as the RFC wants it.

    Spec: RFC 8693 s2.1, s2.2
    """
    form, client, policy = request.form, request.client.record, request.policy
    require_grant_type(client, TOKEN_EXCHANGE)
    _check_request(form)
    subject_token, grant, held = _alive(request, subject, Reason.SUBJECT_TOKEN)
    _check_target(form, subject_token, policy)
    act = subject_token.act
    if subject_token.client_id != client.client_id:
        _check_may_exchange(client)
        act = (client.client_id, *act)
    if "actor_token" in form:
        actors, actor_held = _actor(request, actor, subject_token)
        act, held = (*actors, *act), held + actor_held
    if len(act) > policy.actor_chain_limit:
        raise InvalidRequest("The token was exchanged too many times.", Reason.ACTOR_CHAIN)
    ends_at = min(subject_token.expires_at or request.now, grant_ends_at(grant, policy=policy))
    return access_token_only(
        request,
        grant,
        scopes=_scopes(form, subject_token, client),
        changes=held,
        expires_at=min(request.now + policy.access_token_seconds, ends_at),
        act=act,
        issued_token_type=ACCESS_TOKEN_TYPE,
    )


def _check_request(form: Mapping[str, str]) -> None:
    for name in ("subject_token", "subject_token_type"):
        if name not in form:
            raise InvalidRequest(f"{name} is missing.", Reason.MISSING_PARAMETER)
    if ("actor_token" in form) != ("actor_token_type" in form):
        raise InvalidRequest("actor_token and actor_token_type come together.", Reason.MISSING_PARAMETER)
    for name in ("subject_token_type", "actor_token_type", "requested_token_type"):
        if form.get(name, ACCESS_TOKEN_TYPE) != ACCESS_TOKEN_TYPE:
            raise InvalidRequest(f"{name} must be {ACCESS_TOKEN_TYPE}.", Reason.TOKEN_TYPE)


def _alive(request: Redemption, found: Exchanged, reason: Reason) -> tuple[AccessToken, Grant, tuple[Change, ...]]:
    """Return token and grant if the door would accept the token now, from this caller."""
    now, policy = request.now, request.policy
    access, grant = found.access, found.grant
    if access is None or grant is None or grant.record.grant_id != access.record.grant_id:
        raise InvalidRequest("The token is not known here.", reason)
    # Compare the exact spelling, as the door does: other spellings are tolerated only in what clients send.
    door = policy.resources.get(access.record.resource)
    if door is None or not door.takes_access_tokens:
        raise InvalidRequest("The token is for another resource.", reason)
    ends_at = min(access.record.expires_at or now, grant_ends_at(grant.record, policy=policy))
    if grant.record.revoked_at is not None or ends_at <= now:
        raise InvalidRequest("The token has ended.", reason)
    # A key-bound token is not a bearer token: without a proof of the key, a client must not get one from it.
    if access.record.dpop_jkt is not None and access.record.dpop_jkt != request.minted.dpop_jkt:
        raise InvalidRequest("The token is bound to a key that this request does not prove.", reason)
    held = (
        Expect(AccessToken, access.record.access_digest, access.version),
        Expect(Grant, grant.record.grant_id, grant.version),
    )
    return access.record, grant.record, held


def _check_may_exchange(client: Client) -> None:
    require_confidential(client)
    if not client.may_exchange:
        raise UnauthorizedClient("This client may not exchange tokens of other clients.", Reason.MAY_NOT_EXCHANGE)


def _actor(request: Redemption, found: Exchanged, subject: AccessToken) -> tuple[tuple[str, ...], tuple[Change, ...]]:
    """Return the user of the actor token, followed by every actor of that token."""
    token, _, held = _alive(request, found, Reason.ACTOR_TOKEN)
    if token.client_id != request.client.record.client_id:
        raise InvalidRequest("The actor's token belongs to another client.", Reason.ACTOR_TOKEN)
    if token.resource != subject.resource:
        raise InvalidRequest("The actor's token is for another resource.", Reason.ACTOR_TOKEN)
    return (token.user_id, *token.act), held


def _check_target(form: Mapping[str, str], subject: AccessToken, policy: Policy) -> None:
    for name in ("resource", "audience"):
        granted(subject.resource, requested=form.get(name), policy=policy)


def _scopes(form: Mapping[str, str], subject: AccessToken, client: Client) -> tuple[str, ...]:
    registered = parse_scope(client.scope)
    allowed = tuple(scope for scope in subject.scopes if client.scope is None or scope in registered)
    if not allowed:
        raise InvalidScope("This client may have none of the token's scopes.", Reason.UNKNOWN_SCOPE)
    return narrowed(parse_scope(form.get("scope")), granted=allowed)
