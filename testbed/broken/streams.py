"""Broken servers of the rules in `corpus/streams.toml`."""

from __future__ import annotations

from dataclasses import replace

from doorward.doctor.engine.requests import Response
from testbed.answers import event
from testbed.broken.registry import breaks
from testbed.good import LegacyOpen, Open

STREAM = {"content-type": "text/event-stream"}


@breaks("STR-01")
class Buffered(Open):
    """A proxy passes a stream on once it has ended."""

    def listening(self, request, message):
        return Response(0, fault="timeout", sentence="It did not answer.", elapsed_seconds=request.limit_seconds or 0.0)


@breaks("STR-02")
class PackedStreams(Open):
    """Event streams are packed, and nothing is flushed."""

    def listening(self, request, message):
        answer = super().listening(request, message)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return answer
        headers = {**answer.headers, "content-encoding": "gzip"}
        return Response(200, headers, fault="timeout", elapsed_seconds=request.limit_seconds or 0.0)


@breaks("STR-03", needs="repeat")
class SilentStream(LegacyOpen):
    """GET opens a stream that says nothing, and a proxy cuts it after a minute."""

    def other_method(self, request):
        if request.method != "GET":
            return super().other_method(request)
        opened = Response(200, STREAM)
        return opened if request.until == b"" else replace(opened, fault="cut", elapsed_seconds=60.0)


@breaks("STR-04")
class NoBlankLine(Open):
    """The last event is not ended by a blank line."""

    def answered(self, message, value, **headers):
        answer = super().answered(message, value, **headers)
        body = event(answer.json).removesuffix(b"\n")
        return replace(answer, headers={**answer.headers, **STREAM}, body=body)
