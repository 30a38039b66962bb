"""Broken servers of the rules in `corpus/access.toml`."""

from __future__ import annotations

import json

from testbed.answers import reply
from testbed.broken.registry import breaks
from testbed.good import Good, Open


@breaks("RS-02")
class CrashesOnTokens(Good):
    """A token that is not known crashes the guard."""

    def endpoint(self, request):
        return reply(500, {}) if "authorization" in request.headers else super().endpoint(request)


@breaks("RS-03")
class GuardsCalls(Open):
    """The guard is on tools/call alone."""

    def post(self, request):
        method = json.loads(request.body)["method"]
        return self.unauthorized(request) if method == "tools/call" else super().post(request)
