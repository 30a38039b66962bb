"""Broken servers of the rules in `corpus/access.toml`."""

from __future__ import annotations

import json

from testbed.answers import reply
from testbed.broken.registry import breaks
from testbed.good import Good, Open, SignedTokens
from testbed.signing import new_key


@breaks("RS-02")
class CrashesOnTokens(Good):
    """A token that is not known crashes the guard."""

    def endpoint(self, request):
        known = "authorization" not in request.headers or self.let_in(request)
        return super().endpoint(request) if known else reply(500, {})


@breaks("RS-03")
class GuardsCalls(Open):
    """The guard is on tools/call alone."""

    def post(self, request):
        message = json.loads(request.body)
        calls = isinstance(message, dict) and message["method"] == "tools/call"
        return self.unauthorized(request) if calls else super().post(request)


@breaks("RS-01", needs="login")
class AudienceIsTheOrigin(SignedTokens):
    """aud is the origin."""

    def audience(self):
        return self.origin


@breaks("RS-05", needs="login")
class RotatesWithoutOverlap(SignedTokens):
    """The key that signs is not yet published."""

    def change(self):
        super().change()
        self.published = [new_key("key-2")]


@breaks("RS-06", needs="login")
class ClockAhead(SignedTokens):
    """The clock of the authorization server is 90 seconds ahead."""

    def issued_at(self):
        return int(self.now) + 90


@breaks("RS-07", needs="login")
class ReadsJwtsOnly(Good):
    """The resource reads JWTs alone, and the tokens are opaque."""

    def let_in(self, request):
        return super().let_in(request) and request.headers["authorization"].count(".") == 2

    def unauthorized(self, request):
        answer = super().unauthorized(request)
        return reply(
            401,
            {"error": "invalid_token", "error_description": "invalid compact JWS"},
            **{"www-authenticate": answer.headers["www-authenticate"]},
        )
