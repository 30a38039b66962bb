"""Tokens of other issuers at the door: which tokens may be one, and the operator's hook that verifies them.

The hook never sees a token that was or could have been issued here, because it could revive a revoked one. Its answer
is not cached, so its decisions take effect immediately.

Spec: RFC 6750 s2.1, s3.
"""

from __future__ import annotations

import traceback

from doorward.clock import Clock
from doorward.door.replies import Refused
from doorward.errors import Problem
from doorward.hooks import HookFailed, Hooks
from doorward.oauth.compact_jws import read_compact
from doorward.oauth.errors import BearerError, Reason
from doorward.oauth.policy import Policy, Resource
from doorward.oauth.tokens import opaque as tokens
from doorward.oauth.tokens.verified import CallRefused, VerifiedToken, check_verified_token
from doorward.upstreams.port import Caller

NOTHING_TO_VERIFY = Problem(
    "`auth = none` and a function that verifies tokens exclude each other",
    "Nobody would be asked for a token.",
    "Use `oauth` or `token`, or leave verify_token out.",
    "verify_token",
)
_SHOWN = 12
_DOTS_OF_A_JWT = 2
_TELLING_CHARS = 8
_FORBIDDEN, _TOO_MANY = 403, 429


class ForeignTokens:
    """The foreign tokens of one door."""

    def __init__(self, hooks: Hooks, policy: Policy, resource: Resource, clock: Clock) -> None:
        self._hooks = hooks
        self._policy = policy
        self._resource = resource
        self._clock = clock

    def may_be_one(self, presented: str) -> bool:
        """Return whether a token that is not stored here may be another issuer's."""
        if presented.startswith(tokens.PREFIXES):
            return False
        jws = read_compact(presented)
        if jws is None:
            # Don't hand a malformed copy of our own token to the operator's verifier: a lenient one might accept it.
            return not (presented.startswith("eyJ") and presented.count(".") == _DOTS_OF_A_JWT)
        return jws.claims.get("iss") != self._policy.issuer

    async def caller(self, presented: str) -> Caller:
        """Return the caller; the scopes are not checked yet.

        Raises:
            BearerError: invalid, expired, for another resource, or refused.
            Refused: too many calls.
        """
        token = check_verified_token(await self._ask(presented), now=self._clock.now(), resource=self._resource.uri)
        handle = f"foreign-{tokens.digest(presented)[:_SHOWN]}"
        resource, issuer = self._resource.uri, self._policy.issuer
        return Caller(token.subject, token.client_id, token.scopes, resource, issuer, token.expires_at, handle)

    async def _ask(self, presented: str) -> VerifiedToken | None:
        try:
            return await self._hooks.verify(presented)
        except CallRefused as refusal:
            raise _verdict(refusal) from None
        except HookFailed as failure:
            error = failure.__cause__
            told = "" if error is None else "".join(traceback.format_exception(error))
            if error is not None and any(
                part in told for part in (presented, *presented.split(".")) if len(part) > _TELLING_CHARS
            ):
                frame = traceback.extract_tb(error.__traceback__)[-1]
                # The traceback would put the token into the log.
                raise HookFailed(f"{failure} at {frame.filename}:{frame.lineno}") from None
            raise


def _verdict(refusal: CallRefused) -> Exception:
    if refusal.status == _TOO_MANY:
        seconds = max(refusal.retry_after_seconds or 1, 1)
        return Refused(_TOO_MANY, refusal.description, headers=[(b"retry-after", b"%d" % seconds)])
    if refusal.status == _FORBIDDEN:
        return BearerError(Reason.TOKEN_VERIFIER, refusal.description, status=_FORBIDDEN, error="insufficient_scope")
    return BearerError(Reason.TOKEN_VERIFIER, refusal.description)
