"""Broken servers of the rules in `corpus/versions.toml`."""

from __future__ import annotations

import json
from dataclasses import replace

from testbed.answers import reply, rpc_error
from testbed.broken.registry import breaks
from testbed.good import ModernOpen, Open


@breaks("VER-01")
class ConfusedByDiscover(Open):
    """The probe of the newer era crashes the server."""

    def legacy(self, request, message):
        return self.confused(message) or super().legacy(request, message)

    def modern(self, request, message):
        return self.confused(message) or super().modern(request, message)

    def confused(self, message):
        return reply(500, b"oops", "text/plain") if message["method"] == "server/discover" else None


@breaks("VER-02")
class HardCodedVersions(Open):
    """Versions that are not listed are refused before the handshake."""

    def initialize(self, message):
        if message["params"].get("protocolVersion") in {"2024-11-05", "2099-01-01"}:
            return rpc_error(400)
        return super().initialize(message)


@breaks("VER-03")
class ModernOnly(ModernOpen):
    """The newer era alone, and the refusal of a handshake does not say so."""

    def legacy(self, request, message):
        return rpc_error(400)


@breaks("VER-04")
class StripsHeaders(Open):
    """A proxy lets only headers through that it knows."""

    def post(self, request):
        known = {name: value for name, value in request.headers.items() if name not in {"mcp-method", "mcp-name"}}
        return super().post(replace(request, headers=known))


@breaks("VER-05")
class OlderResults(Open):
    """Results of the older era under the newer version."""

    def modern_members(self, *, cached):
        return {"_meta": {}}


@breaks("VER-06")
class AnnotationInAList(Open):
    """An annotation stands on the items of a list."""

    def change(self):
        regions = {"type": "array", "items": {"type": "string", "x-mcp-header": "Region"}}
        self.tools[0]["inputSchema"] = json.loads(json.dumps(self.tools[0]["inputSchema"]))
        self.tools[0]["inputSchema"]["properties"]["regions"] = regions
