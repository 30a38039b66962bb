"""Shared by grants without a browser: one standing grant per client and user, and one access token at a time.

These tokens have no consent behind them, so the first request creates a `Grant`. Later requests find it again, and it
is listed, revoked and expired like any other. Its id is derived from its purpose, so of concurrent requests that find
none only one adds it.

Does not know how the caller was authenticated. Never issues refresh tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from doorward.oauth.errors import Reason, UnauthorizedClient
from doorward.oauth.policy import Policy, Resource
from doorward.oauth.tokens.opaque import digest
from doorward.oauth.tokens.reply import Redemption, TokenReply, encode_access_token, grant_ends_at, token_type
from doorward.records.changes import Change, Decision, Expect, Insert, Stored
from doorward.records.oauth import AccessToken, Client, Grant


def require_grant_type(client: Client, grant_type: str) -> None:
    """Check that the client may use the grant.

    Raises:
        UnauthorizedClient: the client was not given this grant.

    Spec: RFC 6749 s5.2
    """
    if grant_type not in client.grant_types:
        raise UnauthorizedClient("This client may not use this grant.", Reason.GRANT_TYPE_NOT_REGISTERED)


def require_confidential(client: Client) -> None:
    """Check that the client is confidential.

    Raises:
        UnauthorizedClient: a public client; anyone who knows its id can impersonate it.

    Spec: RFC 6749 s4.4
    """
    if client.token_endpoint_auth_method == "none":
        raise UnauthorizedClient("This grant is for clients with credentials only.", Reason.PUBLIC_CLIENT)


def wanted_grant(
    request: Redemption,
    grant_type: str,
    *,
    user_id: str,
    scopes: tuple[str, ...],
    resource: Resource,
    lifetime_seconds: int,
) -> Grant:
    """Return the grant to create if none exists; `standing_grant` names it."""
    return Grant(
        grant_id="",
        user_id=user_id,
        client_id=request.client.record.client_id,
        redirect_uri="",
        scopes=scopes,
        resource=resource.uri,
        created_at=request.now,
        expires_at=request.now + lifetime_seconds,
        grant_type=grant_type,
    )


def standing_grant(request: Redemption, found: Sequence[Stored[Grant]], wanted: Grant) -> tuple[Grant, Change]:
    """Return the grant for the token, an existing one or `wanted`, with the change that expects or inserts it.

    A grant that would expire before the token is not reused. `found` is every grant of this client and user.
    """
    for stored in sorted(found, key=lambda each: (each.record.created_at, each.record.grant_id)):
        if _serves(stored.record, wanted, now=request.now, policy=request.policy):
            return stored.record, Expect(Grant, stored.record.grant_id, stored.version)
    taken = {stored.record.grant_id for stored in found}
    number = 0
    while (grant_id := _grant_id(wanted, number)) in taken:
        number += 1
    grant = msgspec.structs.replace(wanted, grant_id=grant_id)
    return grant, Insert(grant)


def _serves(grant: Grant, wanted: Grant, *, now: int, policy: Policy) -> bool:
    return (
        grant.revoked_at is None
        and (grant.grant_type, grant.client_id, grant.user_id, grant.resource)
        == (wanted.grant_type, wanted.client_id, wanted.user_id, wanted.resource)
        and set(wanted.scopes) <= set(grant.scopes)
        and grant_ends_at(grant, policy=policy) >= now + policy.access_token_seconds
    )


def _grant_id(wanted: Grant, number: int) -> str:
    return digest("\n".join((wanted.grant_type, wanted.client_id, wanted.user_id, wanted.resource, str(number))))[:43]


def access_token_only(
    request: Redemption,
    grant: Grant,
    *,
    scopes: tuple[str, ...],
    changes: tuple[Change, ...],
    expires_at: int,
    act: tuple[str, ...] = (),
    **more: object,
) -> Decision[TokenReply]:
    """Issue one access token from a grant, only if client and grant are still as they were read.

    `changes` are the other records that the decision relied on; `more` are further members of the reply.

    Spec: RFC 6749 s5.1
    """
    client = request.client
    text, access = encode_access_token(
        AccessToken(
            access_digest="",
            grant_id=grant.grant_id,
            client_id=client.record.client_id,
            user_id=grant.user_id,
            scopes=scopes,
            resource=grant.resource,
            created_at=request.now,
            expires_at=expires_at,
            act=act,
        ),
        minted=request.minted,
        policy=request.policy,
    )
    body: dict[str, object] = {
        "access_token": text,
        "token_type": token_type(access),
        "expires_in": expires_at - request.now,
        "scope": " ".join(scopes),
    }
    held = Expect(Client, client.record.client_id, client.version)
    return Decision(TokenReply(body | more), (held, *changes, Insert(access)))
