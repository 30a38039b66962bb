"""Text that controls a terminal, and text that makes a regular expression run forever, wherever servers send text."""

from __future__ import annotations

from doctor.hostile.server import AUTHORIZE, ISSUER, MCP, REGISTER, RESOURCE, TOKEN, answer, head, hostile

from testbed.answers import reply, rpc_error
from testbed.good import Good, Open

ESCAPE = "\x1b]0;owned\x07\x1b[2J\x9b31m\x08\r\u202e\u2066\u200b\ue000"
_LONG = 200_000


@hostile("escapes-in-the-challenge", at=MCP, finds="TLS-02")
async def in_challenge(visit):
    challenge = b'www-authenticate: Bearer error_description="\x1b[2J\x9b31m", resource_metadata="\x1b]0;owned\x07"'
    await visit.send(answer(b"\x1b[31mred\x9b", challenge, b"server: \x1b]0;owned\x07", status=b"401 \xff"))


@hostile("escapes-in-the-resource-metadata", finds="DSC-01")
class InResource(Good):
    def change(self):
        self.document |= {"resource": self.url + ESCAPE, ESCAPE: None, "resource_name": ESCAPE}


@hostile("escapes-in-the-issuer-metadata", finds="DSC-02")
class InIssuer(Good):
    def change(self):
        self.metadata |= {"issuer": self.origin + ESCAPE, ESCAPE: None, "scopes_supported": [ESCAPE]}


@hostile("escapes-in-every-url", finds=None)
class InUrls(Good):
    def change(self):
        for name in ("authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint"):
            self.metadata[name] += ESCAPE


@hostile("escapes-in-the-name-of-the-issuer", finds="DSC-06")
class InServers(Good):
    def change(self):
        self.document["authorization_servers"] = [self.origin + "/" + ESCAPE]


@hostile("escapes-in-the-registration-reply", finds="REG-04")
class InRegistration(Good):
    def register(self, request):
        super().register(request)
        client = list(self.clients.values())[-1]
        return reply(201, client | {"client_name": ESCAPE, ESCAPE: None, "scope": [ESCAPE]})


@hostile("escapes-in-a-refused-registration", finds="REG-05")
class InRefusal(Good):
    def register(self, request):
        return reply(400, {"error": ESCAPE, "error_description": ESCAPE * 100})


@hostile("escapes-in-the-authorize-error", finds="AUT-04")
class InAuthorizeError(Good):
    def authorize(self, request):
        return reply(400, f"<h1>invalid_scope {ESCAPE}</h1>".encode(), "text/html")


@hostile("escapes-in-the-token-error", finds="TOK-03")
class InTokenError(Good):
    def token(self, request):
        return reply(401, {"error": "invalid_client", "error_description": ESCAPE})


@hostile("escapes-in-what-the-server-calls-itself", finds=None)
class InCatalogue(Open):
    def change(self):
        for tool in self.tools:
            tool |= {"name": ESCAPE, "title": ESCAPE, "description": ESCAPE, "annotations": {"title": ESCAPE}}
            tool["inputSchema"] = {"type": ESCAPE, ESCAPE: ESCAPE, "properties": {ESCAPE: {"$ref": ESCAPE}}}

    def capabilities(self):
        return {ESCAPE: ESCAPE, "tools": ESCAPE}

    def initialize(self, message):
        answered = {"protocolVersion": ESCAPE, "serverInfo": {"name": ESCAPE}, "instructions": ESCAPE}
        return self.answered(message, answered | {"capabilities": self.capabilities()})


@hostile("escapes-in-every-rpc-error", finds="VER-01")
class InErrors(Good):
    def endpoint(self, request):
        return rpc_error(500, 7, ESCAPE, ESCAPE, **{ESCAPE: ESCAPE})


@hostile("everything-is-said-back", finds="DSC-03")
class Echo(Good):
    """What it was sent, secrets of the user and of the client too."""

    def everything(self, request):
        if request.url.endswith("/mcp") or "/register/" in request.url:
            words = [f"{name}={value}" for name, value in request.headers.items()]
            return reply(403, (request.url + "\n".join(words)).encode(), "text/plain", server="; ".join(words))
        return super().everything(request)


@hostile("secrets-in-every-error", finds=None)
class Leaky(Good):
    def leak(self):
        return "\n".join(str(value) for client in self.clients.values() for value in client.values())

    def authorize(self, request):
        return reply(400, ("invalid_scope " + self.leak()).encode(), "text/plain")

    def token(self, request):
        return reply(401, {"error": "invalid_client", "error_description": self.leak()[-4000:]})


async def _challenge(visit, words: bytes):
    await visit.send(answer(b"{}", b"www-authenticate: Bearer " + words[:15_000], status=b"401 X"))


@hostile("a-challenge-of-one-long-word", at=MCP, finds="DSC-03")
async def one_word(visit):
    await _challenge(visit, b"a" * _LONG)


@hostile("a-challenge-of-backslashes", at=MCP, finds="DSC-03")
async def backslashes(visit):
    await _challenge(visit, b'a="' + b"\\" * _LONG)


@hostile("a-challenge-of-spaces-and-signs", at=MCP, finds="DSC-03")
async def signs(visit):
    await _challenge(visit, b"a= , " * _LONG)


@hostile("a-page-of-half-policies", at=AUTHORIZE)
async def half_policies(visit):
    await visit.send(answer(b"<meta content-security-policy content=" * 6000, kind=b"text/html"))


@hostile("a-page-of-half-tags", at=AUTHORIZE)
async def half_tags(visit):
    await visit.send(answer(b"<meta " * 40_000, kind=b"text/html"))


@hostile("a-policy-of-many-parts", at=AUTHORIZE)
async def long_policy(visit):
    policy = b"content-security-policy: " + b"form-action,; " * 1000
    await visit.send(answer(b"<p>" + b"form-action " * 20_000, policy, kind=b"text/html"))


@hostile("words-that-look-like-secrets", finds="DSC-01")
class LikeSecrets(Good):
    def change(self):
        self.document["resource"] = "-eyJaaaaaaaa" * 16_000


@hostile("words-that-begin-like-secrets", at=f"{RESOURCE} {ISSUER}", finds="DSC-01")
async def begin_like_secrets(visit):
    good = visit.good.document if RESOURCE in visit.request.url else visit.good.metadata
    words = "bearer " * 8000 + "client_secret=" * 3000
    body = reply(200, good | {"resource": words, "issuer": words}).body
    await visit.send(answer(body))


@hostile("an-event-stream-of-empty-lines", at=MCP)
async def empty_lines(visit):
    await visit.send(head(kind=b"text/event-stream") + b"\n" * 200_000 + b"data:{\n\n" * 5000)


@hostile("a-refusal-of-two-hundred-kilobytes", at=f"{REGISTER} {TOKEN}", finds="REG-05")
async def long_refusal(visit):
    await visit.send(answer(b'{"error":"' + b"invalid_request grant_type " * 8000 + b'"}', status=b"400 X"))
