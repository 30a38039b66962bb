"""Identity assertion authorization grants (ID-JAG): checks of an enterprise identity provider's signed assertion.

The operator must trust the provider, and the assertion must be for this client, this server and one of its doors. The
checks run in one order, and each failure has its own private reason; the client only learns that the assertion is not
acceptable.

Implements MCP enterprise-managed authorization (ID-JAG), RFC 7523 s3 and RFC 8725 s3. Does not know users, nor which
assertions were seen before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from doorward.oauth.clients.keys import SIGNING_ALGORITHMS, Key, candidates
from doorward.oauth.compact_jws import UNSAFE_HEADERS, CompactJws, is_signed, read_compact
from doorward.oauth.errors import InvalidGrant, Reason
from doorward.oauth.policy import Policy, Resource
from doorward.oauth.resource_indicators import find
from doorward.oauth.tokens.opaque import digest
from doorward.oauth.trusted_issuers import TrustedIssuer
from doorward.records.oauth import Client, SeenAssertion

HEADER_TYPE = "oauth-id-jag+jwt"
SUBJECT_LIMIT_CHARS = 255
_TEXT_LIMIT_CHARS = 256
_INSTANTS = range(1 << 40)
_CONSTRAINTS = ("cnf", "authorization_details")
"""They restrict the assertion in ways that are not enforced here, so it must not be accepted with them."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """A well-formed assertion from a trusted issuer; its signature is not verified yet."""

    jws: CompactJws
    issuer: TrustedIssuer
    algorithm: str
    kid: str | None


@dataclass(frozen=True, slots=True)
class Identity:
    """The user that the issuer names, and the most that they may get."""

    issuer: TrustedIssuer
    subject: str
    resource: Resource
    """The door that the assertion is for."""
    scope: str | None
    """The scopes that the assertion names, as the wire string; None if it names none."""
    seen: SeenAssertion
    """The record that makes the assertion single-use: the first request that inserts it consumes it."""

    @property
    def user_id(self) -> str:
        """The local user name: no issuer contains a `#`, so two pairs never share a name."""
        return f"{self.issuer.issuer}#{self.subject}"


def read_assertion(text: str, *, policy: Policy) -> Assertion:
    """Parse an assertion far enough to know whose keys verify it.

    Raises:
        InvalidGrant: not a signed JWT, the wrong type, an algorithm that is not accepted, or an unknown issuer.

    Spec: RFC 7523 s3.1, RFC 8725 s3.11
    """
    jws = read_compact(text)
    if jws is None:
        raise _refused(Reason.ASSERTION_MALFORMED)
    header = jws.header
    algorithm, kid = header.get("alg"), header.get("kid")
    algorithm = "EdDSA" if algorithm == "Ed25519" else algorithm
    if not isinstance(algorithm, str) or algorithm not in SIGNING_ALGORITHMS:
        raise _refused(Reason.ASSERTION_ALGORITHM)
    if header.get("typ") != HEADER_TYPE:
        raise _refused(Reason.ASSERTION_TYPE)
    if UNSAFE_HEADERS & header.keys() or not isinstance(kid, str | None):
        raise _refused(Reason.ASSERTION_HEADER)
    for issuer in policy.trusted_issuers:
        if issuer.issuer == jws.claims.get("iss"):
            return Assertion(jws, issuer, algorithm, kid)
    raise _refused(Reason.ASSERTION_ISSUER)


def key_of(assertion: Assertion, keys: Iterable[Key]) -> Key | None:
    """Return the only key that may have signed it; without a `kid`, its kind must have only one key."""
    found = candidates(keys, kid=assertion.kid, alg=assertion.algorithm)
    return found[0] if len(found) == 1 else None


def check_assertion(assertion: Assertion, *, keys: Iterable[Key], client: Client, now: int, policy: Policy) -> Identity:
    """Verify that an assertion was made for this client, this server and one of its doors.

    Raises:
        InvalidGrant: with the reason of the first check that fails.

    Spec: RFC 7523 s3
    """
    key = key_of(assertion, keys)
    if key is None:
        raise _refused(Reason.ASSERTION_KEY)
    if not is_signed(assertion.jws, key, assertion.algorithm):
        raise _refused(Reason.ASSERTION_SIGNATURE)
    claims, issuer = assertion.jws.claims, assertion.issuer
    if any(name in claims for name in _CONSTRAINTS):
        raise _refused(Reason.ASSERTION_CONSTRAINED)
    if _single(claims.get("aud")) != policy.issuer:
        raise _refused(Reason.ASSERTION_AUDIENCE)
    if claims.get("client_id") != client.client_id or (issuer.clients and client.client_id not in issuer.clients):
        raise _refused(Reason.ASSERTION_CLIENT)
    named = _single(claims.get("resource"))
    resource = None if named is None else find(named, policy=policy)
    if resource is None:
        raise _refused(Reason.ASSERTION_RESOURCE)
    ends_at = _check_time(claims, now=now, policy=policy)
    jti = _text(claims, "jti", Reason.ASSERTION_CLAIM, _TEXT_LIMIT_CHARS)
    scope = claims.get("scope")
    if not isinstance(scope, str | None):
        raise _refused(Reason.ASSERTION_CLAIM)
    seen = SeenAssertion(
        assertion_digest=digest(f"id_jag\n{issuer.issuer}\n{jti}"),
        created_at=now,
        expires_at=ends_at + policy.clock_skew_seconds + 1,
    )
    subject = _text(claims, "sub", Reason.ASSERTION_SUBJECT, SUBJECT_LIMIT_CHARS)
    return Identity(issuer, subject, resource, scope, seen)


def _check_time(claims: Mapping[str, object], *, now: int, policy: Policy) -> int:
    skew = policy.clock_skew_seconds
    ends_at, made_at = _instant(claims, "exp"), _instant(claims, "iat")
    if ends_at <= now - skew:
        raise _refused(Reason.ASSERTION_EXPIRED)
    if made_at > now + skew or ("nbf" in claims and _instant(claims, "nbf") > now + skew):
        raise _refused(Reason.ASSERTION_EARLY)
    if not 0 < ends_at - made_at <= policy.assertion_lifetime_seconds:
        raise _refused(Reason.ASSERTION_LIFETIME)
    return ends_at


def _instant(claims: Mapping[str, object], name: str) -> int:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not _INSTANTS.start <= value < _INSTANTS.stop:
        raise _refused(Reason.ASSERTION_CLAIM)
    return int(value)


def _text(claims: Mapping[str, object], name: str, reason: Reason, limit_chars: int) -> str:
    value = claims.get(name)
    if (
        not isinstance(value, str)
        or not 0 < len(value) <= limit_chars
        or not value.isprintable()
        or value != value.strip()
    ):
        raise _refused(reason)
    return value


def _single(value: object) -> str | None:
    """Return the value if it is a single string: a second audience could use the assertion here."""
    if isinstance(value, list) and len(value) == 1:
        (value,) = value
    return value if isinstance(value, str) else None


def _refused(reason: Reason) -> InvalidGrant:
    return InvalidGrant("The assertion is not acceptable here. Get a new one from the identity provider.", reason)
