"""The public keys of trusted identity providers, cached as their headers say, and refetched for an unknown key.

An unreachable provider means neither refusal nor access: the answer is that its keys are unavailable. An unknown key
triggers a refetch, at most twice a minute, so no one can make this server flood a provider by naming keys that don't
exist.

Spec: RFC 7517 s5; OpenID Connect Core s10.1.1 (rotation of keys).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from doorward.clock import Clock
from doorward.errors import Unavailable
from doorward.fetching.caching import fresh_seconds
from doorward.fetching.errors import FetchError
from doorward.fetching.fetcher import Fetcher
from doorward.oauth.clients.keys import Key, read_jwks, stored_keys
from doorward.oauth.errors import OAuthError
from doorward.oauth.grants.id_jag import Assertion, key_of
from doorward.oauth.trusted_issuers import TrustedIssuer
from doorward.strict_json import InvalidJson, decode

LIMIT_BYTES = 64 * 1024
MOST_SECONDS = 3600
"""A withdrawn key is trusted no longer than this."""
AGAIN_SECONDS = 30
_OK = 200


@dataclass(frozen=True, slots=True)
class _Kept:
    keys: tuple[Key, ...]
    fetched_at: int
    fresh_until: int


class IssuerKeys:
    """Fetches and keeps the key sets of identity providers, for this process."""

    def __init__(self, fetcher: Fetcher, clock: Clock) -> None:
        self.fetcher = fetcher
        self.clock = clock
        self._kept: dict[str, _Kept] = {}

    async def keys(self, assertion: Assertion) -> Sequence[Key]:
        """Return the keys that may have signed the assertion.

        Raises:
            Unavailable: the provider does not answer, or its answer is not a key set.
        """
        issuer, now = assertion.issuer, self.clock.now()
        kept = self._kept.get(issuer.issuer)
        fresh = kept is not None and kept.fetched_at <= now < kept.fresh_until
        if kept is not None and fresh:
            known = key_of(assertion, kept.keys) is not None
            if known or now < kept.fetched_at + AGAIN_SECONDS:
                return kept.keys
        kept = self._kept[issuer.issuer] = await self._fetch(issuer, now)
        return kept.keys

    async def _fetch(self, issuer: TrustedIssuer, now: int) -> _Kept:
        assert issuer.jwks_uri is not None
        try:
            fetched = await self.fetcher.get(issuer.jwks_uri, limit_bytes=LIMIT_BYTES, vouched=True)
            # An error page is not a key set either.
            keys = stored_keys(read_jwks(decode(fetched.body if fetched.status == _OK else b"")))
        except (FetchError, InvalidJson, OAuthError) as error:
            raise Unavailable(f"the keys of {issuer.issuer} could not be fetched: {error}") from None
        return _Kept(keys, now, now + fresh_seconds(fetched.headers, most=MOST_SECONDS))
