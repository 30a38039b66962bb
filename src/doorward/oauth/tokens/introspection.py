"""Introspection: what a token is valid for, for clients that may know it.

A client may ask about its own tokens, a resource server about all tokens that could be sent to it. Every other token
gets `{"active": false}`, whether it exists or not, so that no one can search for tokens or try them out.

Implements RFC 7662 s2, RFC 8693 s4.1 (`act`) and RFC 9701 s5. Does not know HTTP or signatures.
"""

from __future__ import annotations

from collections.abc import Mapping

from doorward.oauth.errors import InvalidClient, InvalidRequest, Reason
from doorward.oauth.policy import Policy
from doorward.oauth.tokens.access_token_jwt import actors
from doorward.oauth.tokens.reply import grant_ends_at, token_type
from doorward.records.accounts import HeaderToken
from doorward.records.oauth import AccessToken, Client, Grant, RefreshToken

JWT_MEDIA_TYPE = "application/token-introspection+jwt"
JWT_HEADER_TYPE = "token-introspection+jwt"

Introspectable = AccessToken | RefreshToken | HeaderToken
_INACTIVE: dict[str, object] = {"active": False}


def introspect(
    form: Mapping[str, str],
    *,
    client: Client,
    found: Introspectable | None,
    grant: Grant | None,
    now: int,
    policy: Policy,
) -> dict[str, object]:
    """Return the response. `grant` is the grant of an access or refresh token, if it still exists.

    Raises:
        InvalidClient: the client has no credentials, so it proved nothing.
        InvalidRequest: the form names no token.

    Spec: RFC 7662 s2.1, s2.2
    """
    if client.token_endpoint_auth_method == "none":
        raise InvalidClient("Only a client with a secret or a key may ask about tokens.", Reason.NOT_AUTHENTICATED)
    if "token" not in form:
        raise InvalidRequest("token is missing.", Reason.MISSING_PARAMETER)
    if found is None or (found.expires_at is not None and found.expires_at <= now):
        return _INACTIVE
    if not isinstance(found, HeaderToken) and found.resource not in policy.resources:
        return _INACTIVE  # its door is gone or has another address, so no door accepts it
    if isinstance(found, HeaderToken):
        # Doors refuse administration tokens, so such a token is not valid for any upstream either.
        is_for_doors = not found.capabilities and policy.doors_of_header_token(found.door)
        return _header_token(found, policy) if client.may_introspect and is_for_doors else _INACTIVE
    # A resource server must not accept a refresh token that was sent to it as an access token.
    is_for_all = client.may_introspect and isinstance(found, AccessToken)
    if not is_for_all and found.client_id != client.client_id:
        return _INACTIVE
    if grant is not None and (grant.revoked_at is not None or grant_ends_at(grant, policy=policy) <= now):
        return _INACTIVE
    if isinstance(found, RefreshToken) and (grant is None or found.rotated_at is not None):
        return _INACTIVE
    return _described(found, policy)


def jwt_claims(answer: dict[str, object], *, client: Client, now: int, policy: Policy) -> dict[str, object]:
    """Return the claims of a signed response; it has no `sub` and `exp`, so it can't be mistaken for a token.

    Spec: RFC 9701 s5
    """
    return {"iss": policy.issuer, "aud": client.client_id, "iat": now, "token_introspection": answer}


def _described(record: AccessToken | RefreshToken, policy: Policy) -> dict[str, object]:
    answer: dict[str, object] = {
        "active": True,
        "scope": " ".join(record.scopes),
        "client_id": record.client_id,
        "username": record.user_id,
        "sub": record.user_id or record.client_id,
        "aud": record.resource,
        "iss": policy.issuer,
        "exp": record.expires_at,
        "iat": record.created_at,
    }
    if isinstance(record, AccessToken):
        answer["token_type"] = token_type(record)
        answer["act"] = actors(record.act) if record.act else None
    if record.dpop_jkt is not None:
        answer["cnf"] = {"jkt": record.dpop_jkt}
    return _without_gaps(answer)


def _header_token(record: HeaderToken, policy: Policy) -> dict[str, object]:
    audience = [each.uri for each in policy.doors_of_header_token(record.door)]
    answer: dict[str, object] = {
        "active": True,
        "scope": " ".join(record.scopes),
        "username": record.user_id,
        "sub": record.user_id,
        "aud": audience[0] if len(audience) == 1 else audience,
        "iss": policy.issuer,
        "exp": record.expires_at,
        "iat": record.created_at,
        "token_type": "Bearer",
    }
    return _without_gaps(answer)


def _without_gaps(answer: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in answer.items() if value not in (None, "")}
