"""Broken servers of the rules in `corpus/protocol.toml`."""

from __future__ import annotations

import json
from dataclasses import replace

from testbed.answers import reply, rpc_error
from testbed.broken.registry import breaks
from testbed.good import Good, Open


@breaks("TRN-05")
class NullForNotifications(Open):
    """A notification gets 200 and null."""

    def notified(self, request, message):
        return reply(200, b"null")


@breaks("TRN-06")
class IdOfItsOwn(Open):
    """The refusal of a list of messages carries a new id."""

    def post(self, request):
        if request.body.startswith(b"["):
            return rpc_error(400, rpc_id="6f1c7e62-93a5-4f0e-8d1c-1f2b0c6f1e55")
        return super().post(request)


@breaks("TRN-07")
class IdsAsText(Open):
    """Every id comes back as text."""

    def answered(self, message, value, **headers):
        return super().answered(message | {"id": str(message["id"])}, value, **headers)


@breaks("TRN-08")
class PlainText(Open):
    """Answers are labelled text/plain."""

    def answered(self, message, value, **headers):
        answer = super().answered(message, value, **headers)
        return replace(answer, headers={**answer.headers, "content-type": "text/plain; charset=utf-8"})


@breaks("RS-04", needs="token")
class BareForbidden(Good):
    """A call that lacks a scope gets 403 without a challenge."""

    def called(self, message, members):
        return (
            reply(403, {"error": "forbidden"})
            if message["method"] == "tools/call"
            else super().called(message, members)
        )


@breaks("NET-08", needs="token")
class FourKilobytes(Good):
    """No more than 4 KB of headers."""

    def endpoint(self, request):
        if sum(len(name) + len(value) + 4 for name, value in request.headers.items()) > 4096:
            return reply(431, b"Request Header Fields Too Large", "text/plain")
        return super().endpoint(request)


@breaks("PERF-01", needs="token")
class ColdStart(Good):
    """The first call takes 12 seconds."""

    warm = False

    def answered(self, message, value, **headers):
        answer = super().answered(message, value, **headers)
        if self.warm:
            return answer
        self.warm = True
        return replace(answer, elapsed_seconds=12.0)


@breaks("TIME-01", needs="repeat")
class SilentTool(Open):
    """A tool works for 75 seconds, and says nothing in between."""

    def post(self, request):
        answer = super().post(request)
        if not request.body.startswith(b"[") and json.loads(request.body).get("params", {}).get("name") == "echo":
            return replace(answer, elapsed_seconds=75.0)
        return answer
