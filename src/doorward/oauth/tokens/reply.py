"""Replies of the token endpoint, and the tokens that a successful reply issues.

A reply is kept sealed with the spent code or refresh token, so that an honest repeat gets the identical reply.

Implements RFC 6749 s5.1. Does not know how a client proved its grant, nor how sealing works.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from doorward.oauth.errors import InvalidGrant, OAuthError, Reason
from doorward.oauth.policy import Policy
from doorward.oauth.tokens import access_token_jwt
from doorward.oauth.tokens.opaque import digest
from doorward.oauth.tokens.terms import KEEP, TokenTerms
from doorward.records.changes import Change, Decision, Expect, Insert, Stored
from doorward.records.oauth import AccessToken, AuthorizationCode, Client, DeviceAuthorization, Grant, RefreshToken

Source = AuthorizationCode | RefreshToken | DeviceAuthorization
"""The records that tokens are made from, and that keep the sealed reply."""
StoredSource = Stored[AuthorizationCode] | Stored[RefreshToken] | Stored[DeviceAuthorization]


@dataclass(frozen=True, slots=True)
class MintedTokens:
    """Fresh secrets, used only if the decision is a success."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    dpop_jkt: str | None = None
    """Thumbprint of the key that the request proved; issued tokens are bound to it. Spec: RFC 9449 s5."""
    sign: access_token_jwt.Sign | None = None
    """Signs an access token, if access tokens are JWTs."""
    terms: TokenTerms = KEEP
    """The limits that the operator's hook puts on the tokens."""


class Sealing(Protocol):
    """Authenticated encryption. `context` must be the same on both sides."""

    def seal(self, plaintext: bytes, /, context: bytes = b"") -> bytes:
        """Encrypt."""
        ...

    def unseal(self, sealed: bytes, /, context: bytes = b"") -> bytes | None:
        """Decrypt; return None if the value was changed or its key is gone. Raises `KeyNotKnown`: refresh the keys."""
        ...


@dataclass(frozen=True, slots=True)
class Redemption:
    """One token request of an authenticated client, with the inputs that every grant needs."""

    form: Mapping[str, str] = field(repr=False)
    client: Stored[Client]
    """As read in this attempt; a grant that does not end with the client relies on its version."""
    now: int
    minted: MintedTokens
    sealing: Sealing = field(repr=False)
    policy: Policy


@dataclass(frozen=True, slots=True)
class TokenReply:
    """Either the body of a success or the error of a refusal that changed something."""

    body: dict[str, object] | None = field(default=None, repr=False)
    error: OAuthError | None = None


@dataclass(frozen=True, slots=True)
class Issue:
    """A successful reply in the making: the body, its sealed copy and the records to add."""

    body: dict[str, object] = field(repr=False)
    sealed: bytes = field(repr=False)
    changes: tuple[Change, ...]


def issue(request: Redemption, *, source: Source, scopes: tuple[str, ...], grant: Stored[Grant]) -> Issue:
    """Issue an access token and, if the client registered for it, a refresh token, from a code or refresh token.

    The records expire no later than the grant, and are written only if the grant is still as it was read.

    Raises:
        InvalidScope: the operator's terms leave no scope.

    Spec: RFC 6749 s5.1, s6
    """
    now, minted, policy = request.now, request.minted, request.policy
    ends_at = grant_ends_at(grant.record, policy=policy)
    scopes = minted.terms.of_scopes(scopes)
    access_ends_at = min(now + minted.terms.of_access(policy.access_token_seconds), ends_at)
    access_token, access = encode_access_token(
        AccessToken(
            access_digest="",
            grant_id=source.grant_id,
            client_id=source.client_id,
            user_id=source.user_id,
            scopes=scopes,
            resource=source.resource,
            created_at=now,
            expires_at=access_ends_at,
        ),
        minted=minted,
        policy=policy,
    )
    body: dict[str, object] = {
        "access_token": access_token,
        "token_type": token_type(access),
        "expires_in": access_ends_at - now,
        "scope": " ".join(scopes),
    }
    changes: tuple[Change, ...] = (Expect(Grant, grant.record.grant_id, grant.version), Insert(access))
    idle_seconds = minted.terms.of_refresh(policy.refresh_idle_seconds)
    client = request.client.record
    if "refresh_token" in client.grant_types and idle_seconds:
        body["refresh_token"] = minted.refresh_token
        expires_at = min(now + idle_seconds, ends_at)
        changes += (Insert(_successor(source, minted, client=client, now=now, expires_at=expires_at)),)
    return Issue(body, request.sealing.seal(msgspec.json.encode(body), context=source.key.encode()), changes)


def encode_access_token(draft: AccessToken, *, minted: MintedTokens, policy: Policy) -> tuple[str, AccessToken]:
    """Return the access token in the format of this installation, and its record: `draft` with digest and key.

    Spec: RFC 9068 s2, RFC 9449 s6
    """
    draft = msgspec.structs.replace(draft, dpop_jkt=minted.dpop_jkt)
    text = minted.access_token
    if minted.sign is not None:
        said = access_token_jwt.claims(draft, jti=digest(text)[:32], issuer=policy.issuer)
        text = minted.sign(said, header_type=access_token_jwt.HEADER_TYPE)
    return text, msgspec.structs.replace(draft, access_digest=digest(text))


def token_type(record: AccessToken) -> str:
    """Return the `token_type` of the token. Spec: RFC 6750 s4, RFC 9449 s5."""
    return "Bearer" if record.dpop_jkt is None else "DPoP"


def _successor(source: Source, minted: MintedTokens, *, client: Client, now: int, expires_at: int) -> RefreshToken:
    # A confidential client authenticates at each refresh, so its key may change. A public client keeps its key.
    jkt = minted.dpop_jkt if client.token_endpoint_auth_method == "none" else None
    return RefreshToken(
        refresh_digest=digest(minted.refresh_token),
        grant_id=source.grant_id,
        client_id=source.client_id,
        user_id=source.user_id,
        scopes=source.scopes,
        resource=source.resource,
        created_at=now,
        expires_at=expires_at,
        dpop_jkt=jkt,
        predecessor_digest=source.refresh_digest if isinstance(source, RefreshToken) else None,
    )


def repeat(source: StoredSource, *, sealing: Sealing) -> dict[str, object] | None:
    """Return the identical reply of this spent code or refresh token; None if its sealed copy can't be opened."""
    sealed = source.record.sealed_reply
    plaintext = None if sealed is None else sealing.unseal(sealed, context=source.record.key.encode())
    return None if plaintext is None else msgspec.json.decode(plaintext, type=dict[str, object])


def reply_window_ends_at(source: Source, *, policy: Policy) -> int:
    """Return the first instant at which a repeat of a spent code or refresh token no longer gets its reply."""
    if isinstance(source, RefreshToken):
        return (source.rotated_at or 0) + policy.refresh_replay_seconds + 1
    return (source.redeemed_at or 0) + policy.code_replay_seconds + 1


def repeated(source: StoredSource, grant: Stored[Grant], body: dict[str, object]) -> Decision[TokenReply]:
    """Return the identical reply, on condition that neither the grant nor the window has closed since."""
    record = source.record
    return Decision(
        TokenReply(body),
        (Expect(Grant, grant.record.grant_id, grant.version), Expect(type(record), record.key, source.version)),
    )


def grant_ends_at(grant: Grant, *, policy: Policy) -> int:
    """Return the instant at which everything made from the grant must have expired."""
    absolute = grant.created_at + policy.grant_absolute_seconds
    return absolute if grant.expires_at is None else min(absolute, grant.expires_at)


def live_grant(grant: Stored[Grant] | None, grant_id: str, *, now: int, policy: Policy) -> Stored[Grant]:
    """Return the grant if it can still issue tokens.

    Raises:
        InvalidGrant: it was revoked, has expired, or does not exist.
    """
    if (
        grant is None
        or grant.record.grant_id != grant_id
        or grant.record.revoked_at is not None
        or grant_ends_at(grant.record, policy=policy) <= now
    ):
        raise InvalidGrant("The authorization has ended. Ask the user again.", Reason.GRANT_ENDED)
    return grant


def check_key(bound_to: str | None, proved: str | None) -> None:
    """Check that a code or token is bound to no key, or to the key that the request proved.

    Raises:
        InvalidGrant: another key, or no proof; nothing is consumed.

    Spec: RFC 9449 s5, s10
    """
    if bound_to is not None and bound_to != proved:
        raise InvalidGrant("This is bound to another DPoP key, or came without a proof.", Reason.FOREIGN_KEY)
