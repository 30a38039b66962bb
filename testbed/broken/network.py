"""Broken servers of the rules in `corpus/network.toml`."""

from __future__ import annotations

from doorward.doctor.engine.requests import Certificate, Connect, Response
from testbed.answers import reply, rpc_error
from testbed.broken.registry import breaks
from testbed.good import Good


class Silent(Good):
    """Nothing answers."""

    fault = "unreachable"

    def everything(self, request):
        return Response(0, fault=self.fault, sentence="Nothing.")


@breaks("NET-05")
class NoAddress(Silent):
    """The name has no address."""

    fault = "unresolved"


@breaks("TLS-01")
class LeafOnly(Silent):
    """The certificate comes without its intermediate."""

    fault = "tls"

    def everything(self, request):
        if isinstance(request, Connect) and not request.trusted:
            return Response(0, chain=(Certificate("mcp.example.com", "Example Intermediate CA", 60),))
        return super().everything(request)


@breaks("TLS-02")
class Deaf(Silent):
    """Nothing listens."""


@breaks("NET-02", "DSC-03", "CORS-01", "VER-01", "RS-02")
class GuardOfLocalhost(Good):
    """A guard of host names that knows localhost alone."""

    def endpoint(self, request):
        return reply(421, b"Invalid Host header", "text/plain")


@breaks("NET-04", "DSC-03", "VER-01", "RS-02", "TRN-10", "CORS-01")
class LoginWall(Good):
    """A login wall in front of the endpoint."""

    def endpoint(self, request):
        return reply(302, location="https://access.example.net/login?to=mcp")


@breaks("NET-01")
class BotRule(Good):
    """A firewall that drops one user agent."""

    def endpoint(self, request):
        if request.headers.get("user-agent") == "Claude-User":
            return reply(403, b"Forbidden", "text/plain")
        return super().endpoint(request)


@breaks("NET-07")
class DeniesEveryOrigin(Good):
    """Every Origin is refused."""

    def endpoint(self, request):
        return rpc_error(403) if "origin" in request.headers else super().endpoint(request)


@breaks("NET-03", "DSC-03", "RS-02")
class Remapped(Good):
    """A gateway that renames the challenge."""

    def unauthorized(self, request):
        return reply(401, {}, x_amzn_remapped_www_authenticate='Bearer resource_metadata="x"')


@breaks("NET-06")
class Limited(Good):
    """Registrations are limited to a few for each address."""

    def register(self, request):
        return reply(429, {"error": "slow_down"}) if len(self.clients) > 3 else super().register(request)


@breaks("NET-09")
class BodyRule(Good):
    """A web firewall that takes 127.0.0.1 in a body for an attack."""

    def register(self, request):
        return reply(403, b"Forbidden", "text/plain") if b"127.0.0.1" in request.body else super().register(request)
