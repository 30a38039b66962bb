"""JSON that is too deep, too large or not JSON, and metadata that leads astray."""

from __future__ import annotations

import json

from doctor.hostile.server import ISSUER, MCP, RESOURCE, answer, hostile

from testbed.answers import reply
from testbed.good import Good, Open

INSIDE = "http://169.254.169.254/latest/meta-data/iam"
_DEEP = {
    "lists": b"[" * 100_000,
    "objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "lists-in-full": b"[" * 100_000 + b"]" * 100_000,
}
_NOT_JSON = {
    "a-million-keys": b"{" + b",".join(b'"%d":1' % number for number in range(1_000_000)) + b"}",
    "twenty-thousand-keys": b"{" + b",".join(b'"k%d":1' % number for number in range(20_000)) + b"}",
    "a-hundred-thousand-empty-lists": b'{"a":[' + b"[]," * 80_000 + b"0]}",
    "a-number-of-two-hundred-thousand-digits": b'{"expires_in":' + b"9" * 200_000 + b"}",
    "a-number-beyond-every-float": b'{"expires_in":1e999999,"resource":-1e999999}',
    "the-same-key-twice": b'{"resource":"https://a.example/mcp","resource":"https://b.example/mcp"}',
    "not-a-number": b'{"resource":NaN,"issuer":Infinity}',
    "bytes-that-are-not-utf-8": b'{"resource":"\xff\xfe\xc0\x80"}',
    "a-byte-order-mark": b'\xef\xbb\xbf{"resource":"https://a.example/mcp"}',
    "utf-16": '{"resource":"https://a.example/mcp"}'.encode("utf-16"),
    "half-a-surrogate": b'{"resource":"\\ud800","issuer":"\\udfff"}',
    "zeros": b"\0" * 100_000,
    "null": b"null",
    "a-list": b"[[],{}]",
}


def _serves(body: bytes):
    async def handler(visit):
        await visit.send(answer(body))

    return handler


for _name, _body in _DEEP.items():
    hostile(f"deep-{_name}-for-the-resource", at=RESOURCE, finds="DSC-06")(_serves(_body))
    hostile(f"deep-{_name}-for-the-endpoint", at=MCP)(_serves(_body))
for _name, _body in _NOT_JSON.items():
    hostile(f"{_name}-for-metadata", at=f"{RESOURCE} {ISSUER}")(_serves(_body))

_WRONG = (None, True, -1, 1e300, "", " ", "x", "\ufeff", [], [None], {}, {"a": {}}, [[]], "http://", "//[", "?")
MEMBERS = (
    "issuer", "authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint",
    "response_types_supported", "grant_types_supported", "token_endpoint_auth_methods_supported",
    "code_challenge_methods_supported", "scopes_supported", "client_id_metadata_document_supported",
    "authorization_response_iss_parameter_supported", "jwks_uri", "resource", "authorization_servers",
)  # fmt: skip


class Mixed(Good):
    """Members of the wrong type, each document another mixture."""

    start = 0

    def mixed(self, document):
        return document | {name: _WRONG[(self.start + 7 * at) % len(_WRONG)] for at, name in enumerate(document)}

    def server_metadata(self, request):
        return reply(200, self.mixed(self.metadata))

    def register(self, request):
        answered = json.loads(super().register(request).body)
        return reply(201, self.mixed(answered) | {"client_id": answered["client_id"]})


for _start in range(0, len(_WRONG), 3):
    hostile(f"members-of-the-wrong-type-{_start}")(type("Mixture", (Mixed,), {"start": _start}))


@hostile("a-resource-of-the-wrong-type", finds="DSC-09")
class WrongResource(Mixed):
    def resource_metadata(self, request):
        return reply(200, self.mixed(self.document))


@hostile("registrations-without-redirect-uris")
class NoRedirectUris(Good):
    def register(self, request):
        answered = json.loads(super().register(request).body)
        wrong = ([], None, "https://a.example/cb", [7], [""], ["http://["], [None, {}])
        return reply(201, answered | {"redirect_uris": wrong[len(self.clients) % len(wrong)]})


@hostile("ids-and-secrets-that-break-lines")
class BreaksLines(Good):
    def register(self, request):
        answered = json.loads(super().register(request).body)
        evil = {
            "client_id": "a\r\nx-evil: 1",
            "client_secret": "b\r\n\r\nGET / HTTP/1.1",
            "client_secret_expires_at": 0,
        }
        return reply(201, answered | evil | {"registration_access_token": "c\r\nx-evil: 1"})


@hostile("ten-thousand-issuers")
class ManyIssuers(Good):
    def change(self):
        self.document["authorization_servers"] = [f"http://{number}.invalid" for number in range(10_000)]


@hostile("metadata-that-names-itself")
class Itself(Good):
    def change(self):
        at = f"{self.origin}{ISSUER}"
        self.document["authorization_servers"] = [at]
        self.metadata |= dict.fromkeys(("issuer", "authorization_endpoint", "token_endpoint"), at)
        self.metadata["registration_endpoint"] = f"{self.origin}{RESOURCE}"


class Schemes(Good):
    """Every URL of another scheme."""

    scheme = ""

    def change(self):
        for name in MEMBERS:
            if name.endswith(("_endpoint", "_uri")):
                self.metadata[name] = self.scheme

    def unauthorized(self, request):
        return reply(401, {}, www_authenticate=f'Bearer resource_metadata="{self.scheme}"')


for _name, _scheme in {
    "javascript": "javascript:alert(document.domain)",
    "file": "file:///etc/passwd",
    "data": "data:application/json,{}",
    "ftp": "ftp://127.0.0.1/x",
    "user-and-password": "http://user:pass-word-of-nobody@127.0.0.1/x",
    "no-port-that-exists": "http://127.0.0.1:99999999/x",
}.items():
    hostile(f"urls-of-{_name}", finds=None)(type("Scheme", (Schemes,), {"scheme": _scheme}))


@hostile("urls-that-lead-inside")
class Inside(Good):
    def change(self):
        for name in MEMBERS:
            if name.endswith(("_endpoint", "_uri")):
                self.metadata[name] = INSIDE


@hostile("an-issuer-that-is-inside", finds="DSC-06")
class InsideIssuer(Good):
    def change(self):
        self.document["authorization_servers"] = [INSIDE, "http://10.0.0.1", "http://[fd00:ec2::254]"]


@hostile("a-challenge-that-leads-inside")
class InsideChallenge(Good):
    def unauthorized(self, request):
        return reply(401, {}, www_authenticate=f'Bearer resource_metadata="{INSIDE}"')


class Odd(Open):
    """An open server whose results are not what they should be."""

    results: tuple[object, ...] = (None, 7, "x", [], [[]], {}, {"tools": None}, {"tools": [None, 1, {}]})

    def answered(self, message, value, **headers):
        result = self.results[len(self.requests) % len(self.results)]
        return reply(200, {"jsonrpc": "2.0", "id": message["id"], "result": result}, **headers)


hostile("results-of-the-wrong-type")(Odd)


@hostile("errors-of-the-wrong-type")
class OddErrors(Good):
    def endpoint(self, request):
        errors = (None, 7, [], {"code": {}}, {"code": "x"}, {"code": -32022, "data": [1]}, {"code": 1e300})
        return reply(400, {"jsonrpc": "2.0", "error": errors[len(self.requests) % len(errors)]})


@hostile("a-session-id-of-fourteen-kilobytes")
class LongSession(Open):
    def answered(self, message, value, **headers):
        return super().answered(message, value, mcp_session_id="s" * 14_000)


@hostile("a-session-id-that-is-not-ascii")
class OddSession(Open):
    def answered(self, message, value, **headers):
        return super().answered(message, value, mcp_session_id="\u00ff\x7f caf\u00e9")


class Catalogue(Open):
    """An open server whose tools are too much."""

    def page(self, number):
        return [{"name": f"tool_{number}", "inputSchema": {"type": "object"}}]

    def listed(self, params):
        number = int(params.get("cursor") or 0)
        return {"tools": self.page(number), "nextCursor": str(number + 1)}


hostile("pages-without-end")(Catalogue)


_TOOL = b'{"name":"tool","inputSchema":{"type":"object"}}'
_MILLION = b'{"jsonrpc":"2.0","id":1,"result":{"tools":[' + b",".join([_TOOL] * 1_000_000) + b"]}}"


@hostile("a-million-tools")
class MillionTools(Catalogue):
    def called(self, message, members):
        return reply(200, _MILLION) if message["method"] == "tools/list" else super().called(message, members)


@hostile("pages-full-of-tools-without-end")
class FullPages(Catalogue):
    def page(self, number):
        return super().page(number) * 3000


@hostile("a-cursor-that-grows")
class GrowingCursor(Catalogue):
    def listed(self, params):
        return {"tools": [], "nextCursor": str(params.get("cursor") or "x") * 2}


@hostile("schemas-in-circles")
class Circles(Catalogue):
    schema: object = {
        "type": "object",
        "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
        "allOf": [{"$ref": "#"}, {"$ref": "#/$defs/a"}],
        "properties": {"a": {"$ref": "#/properties/a"}, "b": {"$ref": "http://169.254.169.254/"}, "c": {"$ref": 7}},
    }

    def listed(self, params):
        return {"tools": [{"name": "a", "inputSchema": self.schema, "outputSchema": self.schema}]}


def _doubling(levels: int) -> dict[str, object]:
    defs = {f"d{at}": {"allOf": [{"$ref": f"#/$defs/d{at + 1}"}] * 2} for at in range(levels)}
    return {"type": "object", "$ref": "#/$defs/d0", "$defs": defs | {f"d{levels}": {"type": "string"}}}


def _nested(levels: int) -> dict[str, object]:
    schema: dict[str, object] = {"type": "object"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}, "items": [schema]} if levels < 10 else {"not": schema}
    return schema


hostile("schemas-that-double-at-each-step")(type("Doubling", (Circles,), {"schema": _doubling(60)}))
hostile("schemas-four-hundred-levels-deep")(type("Nested", (Circles,), {"schema": _nested(400)}))
hostile("schemas-of-the-wrong-type")(
    type("WrongSchema", (Circles,), {"schema": {"type": [[]], "properties": [], "required": 7, "anyOf": {}, "": None}})
)


@hostile("patterns-that-take-for-ever")
class Patterns(Circles):
    schema: object = {
        "type": "object",
        "properties": {"a": {"type": "string", "pattern": "^(a+)+$", "default": "a" * 60 + "!"}},
        "patternProperties": {"(x+x+)+y": {}},
    }

    def tool(self, params):
        return {"content": [{"type": "text", "text": "a" * 60 + "!"}], "structuredContent": {"a": "a" * 60 + "!"}}
