"""Broken servers of the rules in `corpus/versions.toml`."""

from __future__ import annotations

import json

from testbed.answers import reply, rpc_error
from testbed.broken.registry import breaks
from testbed.good import ModernOpen, Open


@breaks("VER-01")
class ConfusedByDiscover(Open):
    """The probe of the newer era crashes the server."""

    def post(self, request):
        if json.loads(request.body)["method"] == "server/discover":
            return reply(500, b"oops", "text/plain")
        return super().post(request)


@breaks("VER-02")
class HardCodedVersions(Open):
    """Versions that are not listed are refused before the handshake."""

    def post(self, request):
        message = json.loads(request.body)
        if message["params"].get("protocolVersion") in {"2024-11-05", "2099-01-01"}:
            return rpc_error(400)
        return super().post(request)


@breaks("VER-03")
class ModernOnly(ModernOpen):
    """The newer era alone, and the refusal of a handshake does not say so."""

    def legacy(self, request, message):
        return rpc_error(400)
