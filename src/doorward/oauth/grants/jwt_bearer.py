"""The JWT bearer grant, for identity assertions only: the enterprise decides who may use the door, without our pages.

An assertion is used once: the transaction that writes the token also writes the assertion's id. The person becomes a
local user named by issuer and subject together, so another provider or an e-mail address can never be mistaken for
them. There is no refresh token: the client asks the provider again, which can then refuse.

Implements RFC 7523 s2.1 and MCP enterprise-managed authorization. Does not know signatures or keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from doorward.oauth.errors import InvalidGrant, InvalidRequest, InvalidScope, Reason
from doorward.oauth.grant_types import JWT_BEARER
from doorward.oauth.grants.id_jag import Identity
from doorward.oauth.grants.standing import (
    access_token_only,
    require_confidential,
    require_grant_type,
    standing_grant,
    wanted_grant,
)
from doorward.oauth.parameters import parse_scope
from doorward.oauth.resource_indicators import granted
from doorward.oauth.scopes import NEUTRAL_SCOPES
from doorward.oauth.tokens.reply import Redemption, TokenReply
from doorward.records.accounts import User
from doorward.records.changes import Change, Decision, Expect, Insert, Stored
from doorward.records.oauth import Client, Grant, SeenAssertion


def presented_assertion(request: Redemption) -> str:
    """Return the assertion of a client that may use the grant; other clients are refused before it is read.

    Raises:
        UnauthorizedClient: the client was not given the grant, or is public.
        InvalidRequest: the form has no assertion.

    Spec: RFC 7523 s2.1
    """
    require_grant_type(request.client.record, JWT_BEARER)
    require_confidential(request.client.record)
    if "assertion" not in request.form:
        raise InvalidRequest("assertion is missing.", Reason.MISSING_PARAMETER)
    return request.form["assertion"]


def jwt_bearer(
    request: Redemption,
    *,
    identity: Identity,
    seen: Stored[SeenAssertion] | None,
    user: Stored[User] | None,
    grants: Sequence[Stored[Grant]],
) -> Decision[TokenReply]:
    """Decide about a checked assertion; `seen` is the record of its id, `user` the account of its identity.

    Raises:
        OAuthError: refused; the assertion, if it was usable, still is.

    Spec: RFC 7523 s2.1, s3.1
    """
    if seen is not None:
        raise InvalidGrant("The assertion was used before. Get a new one.", Reason.ASSERTION_REPLAYED)
    form, policy = request.form, request.policy
    wanted = wanted_grant(
        request,
        JWT_BEARER,
        user_id=identity.user_id,
        scopes=_scopes(form, request.client.record, identity),
        resource=granted(identity.resource.uri, requested=form.get("resource"), policy=policy),
        lifetime_seconds=policy.assertion_grant_seconds,
    )
    known = _held_user(identity, user, request.now)
    grant, held = standing_grant(request, grants, wanted)
    return access_token_only(
        request,
        grant,
        scopes=wanted.scopes,
        changes=(Insert(identity.seen), known, held),
        expires_at=request.now + policy.access_token_seconds,
    )


def _held_user(identity: Identity, user: Stored[User] | None, now: int) -> Change:
    if user is None:
        if not identity.issuer.create_users:
            raise InvalidGrant("This person has no account here.", Reason.UNKNOWN_USER)
        return Insert(
            User(
                user_id=identity.user_id,
                created_at=now,
                identity_issuer=identity.issuer.issuer,
                identity_subject=identity.subject,
            )
        )
    record = user.record
    named = (record.user_id, record.identity_issuer, record.identity_subject)
    if named != (identity.user_id, identity.issuer.issuer, identity.subject) or record.user_kind != "person":
        raise InvalidGrant("This person has no account here.", Reason.UNKNOWN_USER)
    if record.disabled_at is not None:
        raise InvalidGrant("This account is switched off.", Reason.USER_ENDED)
    return Expect(User, record.user_id, user.version)


def _scopes(form: Mapping[str, str], client: Client, identity: Identity) -> tuple[str, ...]:
    """Return the scopes that door, client, issuer, assertion and request all allow; an empty list does not restrict."""
    limits = [identity.issuer.scopes, parse_scope(client.scope)]
    allowed = [scope for scope in identity.resource.all_scopes if all(not limit or scope in limit for limit in limits)]
    if identity.scope is not None:
        # This is a permission, not a request: a scope that it does not name is not granted.
        allowed = [scope for scope in allowed if scope in parse_scope(identity.scope)]
    asked = {scope for scope in parse_scope(form.get("scope")) if scope not in NEUTRAL_SCOPES}
    if not asked and identity.scope is None:
        asked = set(identity.resource.scopes)
    given = tuple(scope for scope in allowed if not asked or scope in asked)
    if not given:
        raise InvalidScope("None of the scopes asked for can be granted here.", Reason.UNKNOWN_SCOPE)
    return given
