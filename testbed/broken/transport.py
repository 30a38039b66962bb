"""Broken servers of the rules in `corpus/transport.toml`."""

from __future__ import annotations

from urllib.parse import urlsplit

from doorward.doctor.engine.requests import Response
from testbed.answers import reply, rpc_error
from testbed.broken.registry import breaks
from testbed.good import Good, Open


@breaks("TRN-01")
class MountedAtMcp(Good):
    """A mount that redirects to the other spelling."""

    def endpoint(self, request):
        if request.url == self.url:
            return reply(307, location=f"{self.url}/")
        return super().endpoint(request)


@breaks("TRN-10", "DSC-03", "VER-01", "RS-02")
class MovedToWww(Good):
    """The endpoint has moved to another host."""

    def endpoint(self, request):
        if request.method == "OPTIONS":
            return reply(204)
        return reply(301, location="https://www.example.com/mcp")


@breaks("TRN-09")
class BannerAtRoot(Good):
    """The root answers with a banner."""

    def elsewhere(self, request):
        return reply(200, {"name": "my server"}) if urlsplit(request.url).path == "/" else super().elsewhere(request)


@breaks("TRN-02", "DSC-03", "VER-01", "RS-02")
class TransportOf2024(Good):
    """Only the event stream of 2024."""

    def endpoint(self, request):
        if request.method == "GET":
            return reply(200, b"event: endpoint\ndata: /messages?id=1\n\n", "text/event-stream")
        return reply(204) if request.method == "OPTIONS" else reply(405, allow="GET")


@breaks("TRN-03")
class LiteralAccept(Open):
    """Accept is compared as text."""

    def post(self, request):
        return rpc_error(406) if request.headers["accept"] == "*/*" else super().post(request)


@breaks("TRN-04")
class Banner(Good):
    """GET answers with a banner."""

    def endpoint(self, request):
        return reply(200, {"name": "my server"}) if request.method == "GET" else super().endpoint(request)


@breaks("CORS-01")
class GuardOutermost(Good):
    """The guard is outside of CORS, so it refuses the preflight."""

    def endpoint(self, request):
        return self.unauthorized(request)

    def unauthorized(self, request):
        return (
            reply(401, {}, access_control_allow_origin="*")
            if request.method == "OPTIONS"
            else super().unauthorized(request)
        )


@breaks("CORS-02")
class ExposesNothing(Good):
    """The challenge is not exposed to pages."""

    def unauthorized(self, request):
        answer = super().unauthorized(request)
        return Response(401, {**answer.headers, "access-control-expose-headers": ""}, answer.body)
