"""Broken servers of the rules in `corpus/discovery.toml`."""

from __future__ import annotations

from testbed.answers import page, reply
from testbed.broken.registry import breaks
from testbed.good import Good


@breaks("DSC-03", "RS-02")
class BareBody(Good):
    """A 401 without a challenge."""

    def unauthorized(self, request):
        return reply(401, {"error": "no"})


@breaks("DSC-01")
class OriginAsResource(Good):
    """The resource is the origin with a slash."""

    def change(self):
        self.document["resource"] = self.origin + "/"


@breaks("DSC-02")
class OtherIssuer(Good):
    """The issuer has a path that was not asked for."""

    def change(self):
        self.metadata["issuer"] = self.origin + "/tenant"


@breaks("DSC-04", "DSC-01")
class BuildsUrlsFromItsSocket(Good):
    """URLs are built from the socket behind the proxy."""

    def change(self):
        self.document["resource"] = "http://localhost:8000/mcp"


@breaks("DSC-05", "DSC-06")
class CatchAll(Good):
    """A page for every path that is not known."""

    def resource_metadata(self, request):
        return page()


@breaks("DSC-06")
class OneOddPlace(Good):
    """The resource metadata is nowhere a client looks."""

    def resource_metadata(self, request):
        return reply(404, {})


@breaks("DSC-07")
class WithoutS256(Good):
    """S256 is not advertised."""

    def change(self):
        del self.metadata["code_challenge_methods_supported"]


@breaks("DSC-08", "DSC-06")
class GuardsEverything(Good):
    """The guard covers the metadata."""

    def resource_metadata(self, request):
        return self.unauthorized(request)


@breaks("DSC-09")
class ServersAsObjects(Good):
    """The authorization servers are objects."""

    def change(self):
        self.document["authorization_servers"] = [{"issuer": self.origin}]


@breaks("DSC-10")
class NullEndpoint(Good):
    """An endpoint is null."""

    def change(self):
        self.metadata["revocation_endpoint"] = None


@breaks("DSC-11")
class KeptForADay(Good):
    """Caches may keep the documents for a day."""

    def resource_metadata(self, request):
        return reply(200, self.document, cache_control="max-age=86400")


@breaks("DSC-12")
class OnASecondHost(Good):
    """The authorization server is on another host."""

    def change(self):
        self.document["authorization_servers"] = [self.second]
        self.metadata |= {
            name: value.replace(self.origin, self.second)
            for name, value in self.metadata.items()
            if isinstance(value, str)
        }

    def oauth(self, request):
        return super().oauth(request) if request.url.startswith(self.second) else self.elsewhere(request)
