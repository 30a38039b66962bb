"""One broken server per rule: the good one with one change. `ALSO` lists what is folded under the rule there."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from doctor.servers import ORIGIN, URL, Good, Open, page, reply, rpc_error

from doorward.doctor.exchange import Request, Response

BROKEN: dict[str, type[Good]] = {}
ALSO: dict[str, set[str]] = {}


def breaks(rule: str, *also: str):
    def note(server: type[Good]) -> type[Good]:
        BROKEN[rule] = server
        ALSO[rule] = set(also)
        return server

    return note


def no_answer(fault: str):
    class Silent(Good):
        def answer(self, request: Request) -> Response:
            return Response(0, fault=fault, sentence="Nothing.")

    return Silent


breaks("NET-05")(no_answer("unresolved"))
breaks("TLS-01")(no_answer("tls"))
breaks("TLS-02")(no_answer("unreachable"))


@breaks("NET-02", "DSC-03", "CORS-01", "VER-01", "RS-02")
class GuardOfLocalhost(Good):
    def endpoint(self, request):
        return reply(421, b"Invalid Host header", "text/plain")


@breaks("NET-04", "DSC-03", "VER-01", "RS-02", "TRN-10", "CORS-01")
class LoginWall(Good):
    def endpoint(self, request):
        return reply(302, location="https://access.example.net/login?to=mcp")


@breaks("NET-01")
class BotRule(Good):
    def endpoint(self, request):
        if request.headers.get("user-agent") == "Claude-User":
            return reply(403, b"Forbidden", "text/plain")
        return super().endpoint(request)


@breaks("TRN-01", "DSC-03", "VER-01", "RS-02", "CORS-01")
class MountedAtMcp(Good):
    def endpoint(self, request):
        if request.url == URL:
            return reply(307, location=f"{URL}/")
        return super().endpoint(request)


@breaks("TRN-10", "DSC-03", "VER-01", "RS-02")
class MovedToWww(Good):
    def endpoint(self, request):
        if request.method == "OPTIONS":
            return reply(204)
        return reply(301, location="https://www.example.com/mcp")


@breaks("TRN-02", "DSC-03", "VER-01", "RS-02")
class TransportOf2024(Good):
    def endpoint(self, request):
        if request.method == "GET":
            return reply(200, b"event: endpoint\ndata: /messages?id=1\n\n", "text/event-stream")
        return reply(204) if request.method == "OPTIONS" else reply(405, allow="GET")


@breaks("TRN-03")
class LiteralAccept(Open):
    def call(self, request):
        return rpc_error(406) if request.headers["accept"] == "*/*" else super().call(request)


@breaks("TRN-04")
class Banner(Good):
    def endpoint(self, request):
        return reply(200, {"name": "my server"}) if request.method == "GET" else super().endpoint(request)


@breaks("CORS-01")
class GuardOutermost(Good):
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
    def unauthorized(self, request):
        answer = super().unauthorized(request)
        return Response(401, {**answer.headers, "access-control-expose-headers": ""}, answer.body)


@breaks("NET-07")
class DeniesEveryOrigin(Good):
    def endpoint(self, request):
        return rpc_error(403) if "origin" in request.headers else super().endpoint(request)


@breaks("DSC-03", "RS-02")
class BareBody(Good):
    def unauthorized(self, request):
        return reply(401, {"error": "no"})


@breaks("NET-03", "DSC-03", "RS-02")
class Remapped(Good):
    def unauthorized(self, request):
        return reply(401, {}, x_amzn_remapped_www_authenticate='Bearer resource_metadata="x"')


@breaks("RS-02")
class CrashesOnTokens(Good):
    def endpoint(self, request):
        return reply(500, {}) if "authorization" in request.headers else super().endpoint(request)


@breaks("RS-03")
class GuardsCalls(Open):
    def call(self, request):
        method = json.loads(request.body)["method"]
        return self.unauthorized(request) if method == "tools/call" else super().call(request)


@breaks("DSC-01")
class OriginAsResource(Good):
    def __init__(self):
        super().__init__()
        self.resource["resource"] = ORIGIN + "/"


@breaks("DSC-02")
class OtherIssuer(Good):
    def __init__(self):
        super().__init__()
        self.metadata["issuer"] = ORIGIN + "/tenant"


@breaks("DSC-04", "DSC-01")
class BuildsUrlsFromItsSocket(Good):
    def __init__(self):
        super().__init__()
        self.resource["resource"] = "http://localhost:8000/mcp"


@breaks("DSC-05", "DSC-06")
class CatchAll(Good):
    def resource_metadata(self, request):
        return page()


@breaks("DSC-06")
class OneOddPlace(Good):
    def resource_metadata(self, request):
        return reply(404, {})


@breaks("DSC-07")
class WithoutS256(Good):
    def __init__(self):
        super().__init__()
        del self.metadata["code_challenge_methods_supported"]


@breaks("DSC-08", "DSC-06")
class GuardsEverything(Good):
    def resource_metadata(self, request):
        return self.unauthorized(request)


@breaks("DSC-09")
class ServersAsObjects(Good):
    def __init__(self):
        super().__init__()
        self.resource["authorization_servers"] = [{"issuer": ORIGIN}]


@breaks("DSC-10")
class NullEndpoint(Good):
    def __init__(self):
        super().__init__()
        self.metadata["revocation_endpoint"] = None


@breaks("REG-01")
class NoWayIn(Good):
    def __init__(self):
        super().__init__()
        del self.metadata["registration_endpoint"]
        del self.metadata["client_id_metadata_document_supported"]


@breaks("CIM-02")
class BasicOnly(Good):
    def __init__(self):
        super().__init__()
        self.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_basic"]


@breaks("TOK-01")
class NoRefresh(Good):
    def __init__(self):
        super().__init__()
        self.metadata["grant_types_supported"] = ["authorization_code"]


@breaks("REG-02")
class HttpsOnly(Good):
    def register(self, request):
        uris = json.loads(request.body)["redirect_uris"]
        if not all(uri.startswith("https://") for uri in uris):
            return reply(400, {"error": "invalid_redirect_uri"})
        return super().register(request)


@breaks("REG-04")
class NullSecret(Good):
    def register(self, request):
        answer = super().register(request)
        return reply(201, {**answer.json, "logo_uri": None})


@breaks("REG-05")
class Strangers(Good):
    def register(self, request):
        return reply(401, {"error": "invalid_token"})


@breaks("NET-06")
class Limited(Good):
    def register(self, request):
        return reply(429, {"error": "slow_down"}) if len(self.clients) > 3 else super().register(request)


@breaks("AUT-01")
class ExactPort(Good):
    def matches(self, registered, asked):
        return registered == asked


@breaks("AUT-02")
class FormActionSelf(Good):
    def login_page(self, query):
        return page(content_security_policy="default-src 'none'; form-action 'self'")


@breaks("AUT-04")
class RefusesScopes(Good):
    def __init__(self):
        super().__init__()
        self.metadata["scopes_supported"] = ["mcp", "offline_access"]

    def login_page(self, query):
        wanted = set(query.get("scope", "").split())
        return self.refused(query, "invalid_scope") if wanted - {"mcp"} else page()


@breaks("AUT-07")
class RefusesResource(Good):
    def login_page(self, query):
        return self.refused(query, "invalid_target") if "resource" in query else page()


@breaks("TOK-03")
class BodyOnly(Good):
    def token(self, request):
        if "authorization" in request.headers:
            return reply(401, {"error": "invalid_client"})
        return super().token(request)


@breaks("TOK-04")
class JsonOnly(Good):
    def token(self, request):
        return reply(415, {"error": "json only"})


@breaks("VER-01")
class ConfusedByDiscover(Open):
    def call(self, request):
        if json.loads(request.body)["method"] == "server/discover":
            return reply(500, b"oops", "text/plain")
        return super().call(request)


@breaks("VER-02")
class HardCodedVersions(Open):
    def call(self, request):
        message = json.loads(request.body)
        if message["params"].get("protocolVersion") in {"2024-11-05", "2099-01-01"}:
            return rpc_error(400)
        return super().call(request)


@breaks("VER-03")
class ModernOnly(Open):
    def call(self, request):
        method = json.loads(request.body)["method"]
        if method == "initialize":
            return rpc_error(400, -32022)
        return self.result({"supportedVersions": ["2026-07-28"]})

    def answer(self, request):
        # A server without sign-in has no metadata either.
        return super().answer(request) if urlsplit(request.url).path.rstrip("/") == "/mcp" else reply(404, {})


@breaks("SES-02")
class SessionGuard(Open):
    def call(self, request):
        return rpc_error(400) if "mcp-session-id" in request.headers else super().call(request)
