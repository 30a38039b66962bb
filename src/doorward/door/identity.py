"""The caller's identity for the upstream, in a JWT that the upstream can verify itself.

The client's credential never reaches an upstream. If the operator wants it, this JWT does: made only for that upstream,
valid for minutes, and signed with a published key. It is created once per caller and reused until it gets old, so a
call costs a lookup and no signature.

The same keys sign access tokens, and some resource servers verify those offline. So that none of them mistakes this JWT
for an access token, it has its own `typ`, and an audience that no access token has. If the caller's token is bound to a
key, the JWT names the key.

Spec: RFC 7519 s4.1; RFC 7800 s3.1 (`cnf`); RFC 8725 s3.9, s3.11, s3.12 (one kind of JWT must not pass for another).
"""

from __future__ import annotations

from doorward.clock import Clock, Entropy
from doorward.oauth.tokens.access_token_jwt import Sign
from doorward.upstreams.port import Caller

HEADER = b"x-doorward-identity"
HEADER_TYPE = "doorward-identity+jwt"
AUDIENCE_PREFIX = "doorward-identity:"
"""Prefix of the upstream's URL in `aud`. Access tokens have an http(s) URL there, so none starts like this."""
LIFETIME_SECONDS = 300
RENEWED_BEFORE_END_SECONDS = 60
CALLERS_KEPT = 10_000

_Key = tuple[str, str, tuple[str, ...], str | None]


class UpstreamIdentity:
    """Builds the header for one upstream, whose URL is `upstream_url`.

    Headers of the `callers_kept` callers that came last are reused.
    """

    def __init__(
        self,
        *,
        sign: Sign,
        issuer: str,
        upstream_url: str,
        clock: Clock,
        entropy: Entropy,
        callers_kept: int = CALLERS_KEPT,
    ) -> None:
        self._sign = sign
        self._issuer = issuer
        self._audience = AUDIENCE_PREFIX + upstream_url
        self._clock = clock
        self._entropy = entropy
        self._callers_kept = callers_kept
        self._made: dict[_Key, tuple[int, tuple[bytes, bytes]]] = {}
        """By caller: until when the header is reused, and the header."""

    def header(self, caller: Caller) -> tuple[bytes, bytes]:
        """Return the header that identifies the caller."""
        key = (caller.user_id, caller.client_id, caller.scopes, caller.dpop_jkt)
        now = self._clock.now()
        made = self._made.get(key)
        if made is not None and made[0] > now:
            return made[1]
        line = (HEADER, self._statement(caller, now).encode("ascii"))
        self._made.pop(key, None)
        if len(self._made) >= self._callers_kept:
            del self._made[next(iter(self._made))]
        self._made[key] = (now + LIFETIME_SECONDS - RENEWED_BEFORE_END_SECONDS, line)
        return line

    def _statement(self, caller: Caller, now: int) -> str:
        claims: dict[str, object] = {
            "iss": self._issuer,
            "sub": caller.user_id,
            "aud": self._audience,
            "client_id": caller.client_id,
            "scope": " ".join(caller.scopes),
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
            "jti": self._entropy.random_bytes(16).hex(),
        }
        if caller.dpop_jkt is not None:
            claims["cnf"] = {"jkt": caller.dpop_jkt}
        return self._sign(claims, header_type=HEADER_TYPE)
