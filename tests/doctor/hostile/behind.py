"""What waits behind the sign-in: redirects, token replies, JWTs, key sets, and MCP itself with a token."""

from __future__ import annotations

import base64
import json
from typing import ClassVar

from doctor.hostile.server import MCP, answer, head, hostile
from doctor.hostile.words import ESCAPE

from testbed.answers import reply
from testbed.good import Good

LONG = "x" * 120_000


class Redirects(Good):
    """Sends the person back with more than a code."""

    more: ClassVar[dict[str, str]] = {}

    def redirect(self, query, parameters):
        return super().redirect(query, parameters | self.more)


for _name, _more in {
    "escapes": {"iss": ESCAPE, "error_description": ESCAPE, ESCAPE: ESCAPE},
    "a-long-code": {"code": LONG},
    "another-state": {"state": ESCAPE},
    "an-error-and-a-code": {"error": ESCAPE, "error_description": LONG, "error_uri": "javascript:alert(1)"},
}.items():
    hostile(f"back-with-{_name}")(type("Back", (Redirects,), {"more": _more}))


@hostile("back-to-nowhere")
class Nowhere(Good):
    def redirect(self, query, parameters):
        return reply(302, location="http://[")


class Tokens(Good):
    """Issues tokens with some members changed."""

    more: ClassVar[dict[str, object]] = {}

    def issue(self, grant):
        answered = super().issue(grant)
        return reply(200, json.loads(answered.body) | self.more)


def _jwt(header: object, payload: object, signature: str = "c2ln") -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=").decode() for each in (header, payload))
    return ".".join([*parts, signature])


_DEEP = base64.urlsafe_b64encode(b'{"a":' + b"[" * 30_000).rstrip(b"=").decode()
for _name, _more in {
    "of-one-hundred-kilobytes": {"access_token": LONG},
    "that-break-lines": {"access_token": "a\r\nx-evil: 1", "refresh_token": "b\n"},
    "that-paint": {"access_token": ESCAPE, "token_type": ESCAPE, "scope": ESCAPE, "refresh_token": ESCAPE},
    "that-are-none": {"access_token": None, "refresh_token": [], "token_type": {}, "expires_in": True, "scope": [1]},
    "that-are-empty": {"access_token": "", "refresh_token": "", "expires_in": ""},
    "that-live-for-ever": {"expires_in": 10**300},
    "that-died-before": {"expires_in": -(10**18)},
    "of-dots": {"access_token": "." * 5000},
    "with-a-deep-payload": {"access_token": f"eyJhbGciOiJub25lIn0.{_DEEP}.c2ln"},
    "with-claims-of-the-wrong-type": {
        "access_token": _jwt(
            {"alg": [], "kid": ESCAPE, "typ": {}},
            {"aud": {"a": 1}, "iss": [], "exp": "soon", "iat": 1e300, "nbf": ESCAPE},
        )
    },
    "with-a-list-of-ten-thousand-audiences": {"access_token": _jwt({"alg": "none"}, {"aud": ["a"] * 10_000})},
    "with-a-header-that-is-none": {"access_token": _jwt([], "x", "")},
    "that-are-not-base64": {"access_token": "eyJ!!!!.eyJ????.====", "id_token": "a.b.c.d.e"},
}.items():
    hostile(f"tokens-{_name}")(type("Issues", (Tokens,), {"more": _more}))


class Keys(Good):
    """Publishes keys that are none."""

    keys: object = None

    def change(self):
        self.metadata["jwks_uri"] = f"{self.origin}/keys"

    def elsewhere(self, request):
        return reply(200, self.keys) if request.url.endswith("/keys") else super().elsewhere(request)

    def oauth(self, request):
        return self.elsewhere(request) if request.url.endswith("/keys") else super().oauth(request)


for _name, _keys in {
    "ten-thousand": {"keys": [{"kty": "EC", "kid": ESCAPE}] * 5000},
    "of-the-wrong-type": {"keys": {"kty": 1}},
    "that-are-a-list": [1, None, {}],
    "of-nothing": {"keys": [None, 7, [], {"kid": []}, {"kid": {}}]},
}.items():
    hostile(f"keys-{_name}")(type("Publishes", (Keys,), {"keys": _keys}))


def _with_token(name: str):
    """Note a case that answers on the wire, but only to somebody with a token."""

    def note(handler):
        async def guarded(visit):
            if "authorization" in visit.request.headers:
                await handler(visit)
            else:
                response = visit.good.everything(visit.request)
                fields = [f"{field}: {value}".encode() for field, value in response.headers.items()]
                await visit.send(answer(response.body, *fields, status=b"%d X" % response.status))

        return hostile(name, at=MCP, slow=True)(guarded)

    return note


@_with_token("silence-for-who-has-a-token")
async def silence(visit):
    await visit.silence()


@_with_token("a-stream-without-end-for-who-has-a-token")
async def stream(visit):
    await visit.send(head(kind=b"text/event-stream"))
    await visit.forever(b"event: message\ndata: {}\n\n" * 2000)


@_with_token("a-body-without-end-for-who-has-a-token")
async def body(visit):
    await visit.send(head())
    await visit.forever(b'{"jsonrpc":' * 4000)


@_with_token("events-that-are-broken-in-every-way")
async def broken_events(visit):
    lines = [
        b"data",
        b"data:",
        b":",
        b"event: \x1b[2J",
        b"id: \x00",
        b"retry: 9999999999999",
        b"data: {\r\rdata: }",
        b"\xff",
    ]
    await visit.send(head(kind=b"text/event-stream") + b"\n\n".join(lines * 1000))


@_with_token("a-step-up-without-end")
async def step_up(visit):
    scopes = b" ".join(b"s%d" % number for number in range(1500))
    await visit.send(
        answer(b"{}", b'www-authenticate: Bearer error="insufficient_scope", scope="' + scopes + b'"', status=b"403 X")
    )


@_with_token("another-session-for-every-answer")
async def sessions(visit):
    number = len(visit.good.requests)
    result = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {}}
    said = json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode()
    await visit.send(answer(said, b"mcp-session-id: s%d" % number))


@hostile("a-revocation-without-end", at="/revoke", slow=True)
async def revocation(visit):
    await visit.send(head())
    await visit.forever(b"x" * 65536)
