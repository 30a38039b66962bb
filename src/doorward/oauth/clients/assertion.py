"""`private_key_jwt`: a client authenticates by signing a short-lived, single-use statement for this server.

The header of the assertion only chooses among the client's registered keys: a key, URL or certificate in it is ignored.
The caller knows which ids were seen before; `check_assertion` returns the record that decides it.

Implements RFC 7523 s3, OpenID Connect Core s9, RFC 8725 s3. Does not know where keys come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from doorward.oauth.clients.keys import SIGNING_ALGORITHMS, Key, candidates
from doorward.oauth.compact_jws import CompactJws, is_signed, read_compact
from doorward.oauth.errors import InvalidClient, Reason
from doorward.oauth.policy import Policy
from doorward.oauth.tokens.opaque import digest
from doorward.paths import PAR_PATH, TOKEN_PATH
from doorward.records.oauth import Client, SeenAssertion

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

_TEXT_LIMIT_CHARS = 2048
_KEYS_TRIED = 5
_LIFETIME_SECONDS = 3600
"""The default of a widely used client library; an assertion counts only once in any case."""
_SKEW_SECONDS = 30
_TYPES: Final = frozenset({"", "jwt", "client-authentication+jwt", "application/client-authentication+jwt"})


@dataclass(frozen=True, slots=True)
class Assertion:
    """A parsed client assertion; nothing in it is verified yet."""

    jws: CompactJws = field(repr=False)
    alg: str
    kid: str | None
    claims: Mapping[str, object] = field(repr=False)
    client_id: str
    """Its subject, which must equal its issuer."""


def read_assertion(assertion_type: str | None, compact: str) -> Assertion:
    """Parse an assertion.

    Raises:
        InvalidClient: of another type, not a signed JWT, or signed in a way that is not accepted.

    Spec: RFC 7521 s4.2, RFC 7523 s2.2
    """
    if assertion_type != ASSERTION_TYPE:
        raise _refused(f"client_assertion_type must be {ASSERTION_TYPE}.")
    jws = read_compact(compact)
    if jws is None:
        raise _refused("client_assertion is not a signed JWT.")
    header, claims = jws.header, jws.claims
    alg, kid = header.get("alg"), header.get("kid")
    if "crit" in header or str(header.get("typ", "")).lower() not in _TYPES or not isinstance(kid, str | None):
        raise _refused("client_assertion has a header that is not understood.")
    alg = "EdDSA" if alg == "Ed25519" else alg
    if alg not in SIGNING_ALGORITHMS:
        raise InvalidClient(
            f"client_assertion must be signed with {', '.join(SIGNING_ALGORITHMS)}.", Reason.ASSERTION_ALGORITHM
        )
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _TEXT_LIMIT_CHARS or claims.get("iss") != subject:
        raise _refused("iss and sub of client_assertion must both be the client_id.")
    return Assertion(jws, str(alg), kid, claims, subject)


def check_assertion(
    assertion: Assertion, *, client: Client, keys: Iterable[Key], now: int, policy: Policy
) -> SeenAssertion:
    """Verify an assertion of this client; the first request that inserts the returned record consumes it.

    Raises:
        InvalidClient: with the reason of the first check that fails.

    Spec: RFC 7523 s3
    """
    if assertion.client_id != client.client_id:
        raise InvalidClient("client_assertion is another client's.", Reason.CLIENT_ID_MISMATCH)
    if not any(is_signed(assertion.jws, key, assertion.alg) for key in _tried(assertion, keys)):
        raise InvalidClient("client_assertion is not signed with a key of this client.", Reason.ASSERTION_SIGNATURE)
    _check_audience(assertion.claims.get("aud"), policy)
    expires_at = _check_time(assertion.claims, now)
    jti = assertion.claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= _TEXT_LIMIT_CHARS:
        raise _refused("client_assertion has no jti.")
    return SeenAssertion(
        assertion_digest=digest(f"client_assertion\n{client.client_id}\n{jti}"),
        created_at=now,
        expires_at=expires_at + _SKEW_SECONDS + 1,
    )


def replayed() -> InvalidClient:
    """Return the refusal of an assertion that was used before."""
    return InvalidClient("client_assertion was used before. Sign a new one.", Reason.ASSERTION_REPLAYED)


def names_known_key(assertion: Assertion, keys: Iterable[Key]) -> bool:
    """Return whether one of the keys may have signed it; if none, the client may have a new key."""
    return bool(candidates(keys, kid=assertion.kid, alg=assertion.alg))


def audiences(policy: Policy) -> frozenset[str]:
    """Return the values that an assertion may name as its audience. Spec: RFC 7523 s3 (3), RFC 9126 s2."""
    return frozenset({policy.issuer, policy.url_of(TOKEN_PATH), policy.url_of(PAR_PATH)})


def _tried(assertion: Assertion, keys: Iterable[Key]) -> tuple[Key, ...]:
    return candidates(keys, kid=assertion.kid, alg=assertion.alg)[:_KEYS_TRIED]


def _check_audience(audience: object, policy: Policy) -> None:
    named = [audience] if isinstance(audience, str) else audience
    # Each audience must be ours: a second server among them could use the assertion here.
    if not isinstance(named, list) or not named or not all(each in audiences(policy) for each in named):
        raise InvalidClient(f"aud of client_assertion must be {policy.issuer}.", Reason.ASSERTION_AUDIENCE)


def _check_time(claims: Mapping[str, object], now: int) -> int:
    expires_at = _instant(claims, "exp")
    if expires_at is None or expires_at <= now - _SKEW_SECONDS:
        raise InvalidClient("client_assertion has expired, or has no exp.", Reason.ASSERTION_EXPIRED)
    if expires_at > now + _LIFETIME_SECONDS + _SKEW_SECONDS:
        raise InvalidClient(
            f"client_assertion must expire within {_LIFETIME_SECONDS} seconds.", Reason.ASSERTION_LIFETIME
        )
    for name in ("iat", "nbf"):
        instant = _instant(claims, name)
        if instant is not None and instant > now + _SKEW_SECONDS:
            raise InvalidClient("client_assertion is from the future. Check the clock.", Reason.ASSERTION_EARLY)
    return expires_at


def _instant(claims: Mapping[str, object], name: str) -> int | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1 << 40:
        raise _refused(f"{name} of client_assertion is not an instant.")
    return int(value)


def _refused(description: str) -> InvalidClient:
    return InvalidClient(description, Reason.ASSERTION_MALFORMED)
