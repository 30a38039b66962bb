"""What grants without a browser share: one standing grant per client and user, and one access token at a time.

There is no consent to hang such a token on, so a `Grant` is made for it, found again by the next request and listed,
revoked and ended like any other. Its id follows from what it is for, so of racers that find none only one adds it.

Knows nothing of how the caller was proved; no refresh token ever comes from here.
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
    """Accept a client that may use the grant.

    Raises:
        UnauthorizedClient: nobody gave it this grant.

    Spec: RFC 6749 s5.2
    """
    if grant_type not in client.grant_types:
        raise UnauthorizedClient("This client may not use this grant.", Reason.GRANT_TYPE_NOT_REGISTERED)


def require_confidential(client: Client) -> None:
    """Accept a client that has proved who it is.

    Raises:
        UnauthorizedClient: a public client; anyone who knows its id can pretend to be it.

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
    """Return the grant that would be made if there were none; `standing_grant` names it."""
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
    """Return the grant that the token hangs on, with the change that holds it: one that is there, or `wanted`.

    A grant with less time left than a token lives is left to run out. `found` is every grant of this client and user.
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
    """Make one access token of a grant, only while client and grant are as they were read.

    `changes` hold what else the decision relied on; `more` are members of the reply.

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
