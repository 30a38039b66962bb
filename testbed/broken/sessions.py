"""Broken servers of the rules in `corpus/sessions.toml`."""

from __future__ import annotations

from testbed.answers import rpc_error
from testbed.broken.registry import breaks
from testbed.good import Open


@breaks("SES-02")
class SessionGuard(Open):
    """A session that is not known gets 400."""

    def post(self, request):
        return rpc_error(400) if "mcp-session-id" in request.headers else super().post(request)
