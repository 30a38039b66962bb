"""Broken servers of the rules in `corpus/sessions.toml`."""

from __future__ import annotations

from doorward.doctor.engine.requests import Response
from testbed.answers import page, rpc_error
from testbed.broken.registry import breaks
from testbed.good import LegacyOpen, LegacyWithSignIn, Open


@breaks("SES-01", needs="repeat")
class TwoWorkers(LegacyOpen):
    """Two workers take turns, and each knows its own sessions."""

    def change(self):
        self.turn = 0
        self.workers = {}

    def legacy(self, request, message):
        self.turn = 1 - self.turn
        answer = super().legacy(request, message)
        if message["method"] == "initialize":
            self.workers[answer.headers["mcp-session-id"]] = self.turn
        elif self.workers.get(request.headers.get("mcp-session-id"), self.turn) != self.turn:
            return rpc_error(404, -32001, message["id"], "Session not found")
        return answer


@breaks("SES-02")
class SessionGuard(Open):
    """A session that is not known gets 400."""

    def legacy(self, request, message):
        answer = super().legacy(request, message)
        gone = request.headers.get("mcp-session-id", "") not in {"", *self.sessions}
        return rpc_error(400, -32000, message["id"]) if gone else answer


@breaks("SES-03", needs="login")
class KeyedByToken(LegacyWithSignIn):
    """A session is known under the token that opened it."""

    def change(self):
        self.owners = {}

    def legacy(self, request, message):
        answer = super().legacy(request, message)
        token = request.headers.get("authorization")
        if message["method"] == "initialize":
            self.owners[answer.headers["mcp-session-id"]] = token
        elif self.owners.get(request.headers.get("mcp-session-id"), token) != token:
            return rpc_error(404, -32001, message["id"])
        return answer


@breaks("SES-04")
class CrashesAtTheEnd(Open):
    """DELETE crashes the server."""

    def endpoint(self, request):
        return page(500) if request.method == "DELETE" else super().endpoint(request)


@breaks("LIFE-03", needs="repeat")
class ImpatientServer(Open):
    """Idle connections are closed after five seconds."""

    def endpoint(self, request):
        if request.connection and request.wait_seconds >= 5:
            return Response(0, fault="closed", sentence="The connection that was kept is closed.")
        return super().endpoint(request)
