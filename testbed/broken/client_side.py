"""Servers that are right where a client is wrong: the rules in `corpus/client_side.toml` that can be seen."""

from __future__ import annotations

from testbed.broken.registry import breaks
from testbed.good import Good


@breaks("CLI-08")
class PathFormAlone(Good):
    """The resource metadata is at the path form alone, where the challenge leads."""

    def resource_metadata(self, request):
        return super().resource_metadata(request) if request.url.endswith("/mcp") else self.elsewhere(request)
