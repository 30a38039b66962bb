"""Every parser that a stranger's bytes reach: how to call it, what it may raise, and what good input is like."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

from doorward import strict_json
from doorward.door import accept
from doorward.door.inbound import Inbound
from doorward.door.replies import Refused
from doorward.mcp.era import classify, classify_bodiless
from doorward.mcp.headers import read_mirrored
from doorward.mcp.jsonrpc import Message, read_message
from doorward.mcp.sessions import unseal_session_id
from doorward.mcp.sse import EventTracker
from doorward.oauth import uris
from doorward.oauth.clients.assertion import ASSERTION_TYPE
from doorward.oauth.clients.assertion import read_assertion as read_client_assertion
from doorward.oauth.clients.authentication import presented_client
from doorward.oauth.clients.id_metadata import check_document_url, read_document
from doorward.oauth.clients.keys import read_jwks
from doorward.oauth.clients.redirect_uris import check_registrable, matches
from doorward.oauth.compact_jws import read_compact
from doorward.oauth.dpop import check_proof
from doorward.oauth.errors import BearerError, OAuthError, Reason
from doorward.oauth.grants.id_jag import read_assertion as read_identity_assertion
from doorward.oauth.parameters import parse_form, parse_query, parse_scope
from doorward.oauth.policy import Policy, Resource, by_uri
from doorward.oauth.resource_indicators import canonical
from doorward.oauth.tokens import bearer
from doorward.oauth.tokens import opaque as tokens
from doorward.oauth.trusted_issuers import TrustedIssuer
from doorward.upstreams.stdio.lines import LineReader

ISSUER = "https://door.example"
IDP = "https://idp.example"
POLICY = Policy(
    ISSUER,
    by_uri(Resource(f"{ISSUER}/mcp", "mcp", ("read", "write"))),
    trusted_issuers=(TrustedIssuer(issuer=IDP, jwks_uri=f"{IDP}/keys"),),
)
NOW = 1_800_000_000
DOCUMENT_URL = "https://client.example/metadata.json"


def _signed(header: dict[str, Any], claims: dict[str, Any]) -> bytes:
    """Return a JWT that its own key verifies, so that a mutator begins behind the signature."""
    key = ECKey.generate_key("P-256", parameters={"kid": "k1"})
    if header["typ"] == "dpop+jwt":
        header = header | {"jwk": {name: key.as_dict(private=False)[name] for name in ("kty", "crv", "x", "y")}}
    return jwt.encode({"alg": "ES256", **header}, claims, key).encode()


_PROOF = _signed({"typ": "dpop+jwt"}, {"htm": "POST", "htu": f"{ISSUER}/token", "iat": NOW, "jti": "j1"})
_ASSERTION = _signed({"typ": "JWT"}, {"iss": "c1", "sub": "c1", "aud": ISSUER, "exp": NOW + 60, "jti": "j1"})
_IDENTITY = _signed({"typ": "oauth-id-jag+jwt"}, {"iss": IDP, "sub": "u1", "aud": ISSUER, "exp": NOW + 60, "jti": "j1"})
_KEYS = json.dumps({"keys": [ECKey.generate_key("P-256", parameters={"kid": "k1"}).as_dict(private=False)]}).encode()
_LOOPBACK = re.compile(
    r"(http)://(127(?:\.\d{1,3}){3}|\[[0:.]*:[0.]*1\]|(?i:localhost))(?::\d{1,5})?((?:/[^?#]*)?)(\?[^#]*)?"
)
_MODERN = (
    b"mcp-protocol-version: 2026-07-28\nmcp-method: tools/list\n\n"
    b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":'
    b'{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}'
)


@dataclass(frozen=True)
class Target:
    """One parser."""

    run: Callable[[bytes], object]
    declared: tuple[type[Exception], ...] = ()
    """What it may raise; everything else is a find."""
    seeds: tuple[bytes, ...] = (b"",)
    """Good input and near misses, for a mutator to begin with."""

    def survives(self, data: bytes) -> bool:
        """Return whether the input was taken rather than refused; any other end is raised."""
        try:
            self.run(data)
        except self.declared:
            return False
        return True


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _lines(data: bytes) -> tuple[dict[bytes, bytes], frozenset[bytes], bytes]:
    """Split bytes into header lines and a body, as a server would after its own checks."""
    head, _, body = data.partition(b"\n\n")
    found: dict[bytes, bytes] = {}
    doubled = set()
    for line in head.split(b"\n"):
        name, _, value = line.partition(b":")
        if found.setdefault(name.strip().lower(), value.strip()) != value.strip():
            doubled.add(name.strip().lower())
    return found, frozenset(doubled), body


def _era(data: bytes) -> None:
    lines, doubled, body = _lines(data)
    mirrored = read_mirrored(lines, doubled)
    message = read_message(body)
    classify_bodiless(mirrored)
    if isinstance(message, Message):
        classify(message, mirrored)


def _challenge(data: bytes) -> None:
    words = _text(data)
    error = BearerError(Reason.MISSING_SCOPE, words, status=403, error="insufficient_scope", scopes=(words, "x"))
    value = bearer.challenge(error, resource_metadata=words, scope=words, offers_dpop=True)
    quotes = value.replace("\\\\", "").replace('\\"', "").count('"')
    if not value.isascii() or not value.isprintable() or quotes % 2:
        raise AssertionError(f"no header value: {value!r}")


def _accept(data: bytes) -> None:
    lines, doubled, _ = _lines(data)
    inbound = Inbound()
    inbound.captured.update(lines)
    inbound.doubled = doubled
    accept.check_accept("POST", lines.get(b"accept"))
    accept.check_accept("GET", lines.get(b"accept"))
    accept.check_content(inbound)


def _events(data: bytes) -> None:
    whole, parts = EventTracker(), EventTracker()
    whole.feed(data)
    for start in range(0, len(data), 3):
        parts.feed(data[start : start + 3])
    if whole.at_boundary != parts.at_boundary:
        raise AssertionError("what is at a boundary depends on how the bytes were cut")


def _redirect_uri(data: bytes) -> None:
    uri = _text(data)
    if matches(uri, uri):
        check_registrable(uri, issuer="https://elsewhere.example")
    check_registrable(uri, issuer=ISSUER)


def _redirect_pair(data: bytes) -> None:
    """Compare our matcher with a second one, made of nothing but a regular expression: ours never accepts more."""
    registered, _, presented = _text(data).partition("\n")
    if matches(registered, presented) and registered != presented:
        ours, theirs = _LOOPBACK.fullmatch(registered), _LOOPBACK.fullmatch(presented)
        if ours is None or theirs is None or ours.groups() != theirs.groups():
            raise AssertionError(f"{presented!r} was taken for {registered!r}")


def _bearer(data: bytes) -> None:
    for token in (bearer.presented_token(data), bearer.presented_dpop_token(data)):
        if token is not None:
            tokens.is_well_formed(token, tokens.ACCESS_TOKEN)


def _proof(data: bytes) -> None:
    check_proof(_text(data), method="POST", urls=frozenset({f"{ISSUER}/token"}), now=NOW, policy=POLICY)


def _keys(data: bytes) -> None:
    read_jwks(strict_json.decode(data))


def _lines_of_a_child(data: bytes) -> None:
    reader = LineReader()
    for line in data.split(b"\n"):
        for message in reader.feed(line).messages:
            if message.kind != "unreadable" and (b"\n" in message.line or b"\r" in message.line):
                raise AssertionError(f"no line of an event: {message.line!r}")
            if message.kind == "unreadable":
                continue
            value = json.loads(message.line.decode(), parse_constant=lambda name: {}[name])
            json.dumps(value, ensure_ascii=False).encode()  # half a pair of surrogates fails here
            if message.kind == "response" and ("error" in value) != (message.error_code is not None):
                raise AssertionError(f"an error is not seen as one: {message.line!r}")


TARGETS = MappingProxyType(
    {
        "strict JSON": Target(strict_json.decode, (strict_json.InvalidJson,), (b'{"a":[1,{"b":"\\u00e9"}]}', b"NaN")),
        "lines of a child": Target(
            _lines_of_a_child,
            (),
            (
                b'{"jsonrpc":"2.0","id":7,"result":{"t":"\\ud83d","n":NaN}}\n{\n"jsonrpc":"2.0",\n"id":1,"result":{}}',
                b'INFO {"jsonrpc":"2.0","id":"7","error":{"code":"x","message":"m"}}\n[{"jsonrpc":"2.0","method":"a"}]',
            ),
        ),
        "era and mirrored headers": Target(
            _era,
            (),
            (
                _MODERN,
                b'mcp-name: =?base64?YQ==?=\n\n{"jsonrpc":"2.0","id":"x","result":{}}',
            ),
        ),
        "form": Target(parse_form, (OAuthError,), (b"grant_type=refresh_token&a=%41+b", b"a=1&a=2&%ff")),
        "query": Target(parse_query, (OAuthError,), (b"client_id=c1&state=%e2%82%ac", b"a&b=&=c")),
        "scope": Target(lambda data: parse_scope(_text(data)), (OAuthError,), (b"read write", b'"\\')),
        "client authentication": Target(
            lambda data: presented_client(_text(data), {}), (OAuthError,), (b"Basic YTpi", b"basic YSUzQTpiJTJC")
        ),
        "client assertion": Target(
            lambda data: read_client_assertion(ASSERTION_TYPE, _text(data)), (OAuthError,), (_ASSERTION, b"e30.e30.e30")
        ),
        "identity assertion": Target(
            lambda data: read_identity_assertion(_text(data), policy=POLICY), (OAuthError,), (_IDENTITY,)
        ),
        "compact JWS": Target(lambda data: read_compact(_text(data)), (), (_PROOF, b"a.b.c")),
        "DPoP proof": Target(_proof, (OAuthError, BearerError), (_PROOF,)),
        "JWK set": Target(
            _keys,
            (OAuthError, strict_json.InvalidJson),
            (_KEYS,),
        ),
        "metadata document": Target(
            lambda data: read_document(data, client_id=DOCUMENT_URL, policy=POLICY),
            (OAuthError,),
            (b'{"client_id":"%s","client_name":"A","redirect_uris":["https://a.example/"]}' % DOCUMENT_URL.encode(),),
        ),
        "metadata document URL": Target(
            lambda data: check_document_url(_text(data), policy=POLICY), (OAuthError,), (DOCUMENT_URL.encode(),)
        ),
        "URI": Target(
            lambda data: uris.parse(_text(data), fragment_allowed=True),
            (uris.InvalidUri,),
            (b"https://a.example:8443/x?y#z", b"http://[::1]/", b"com.example.app:/cb"),
        ),
        "resource": Target(lambda data: canonical(_text(data)), (), (b"HTTPS://Door.Example:443/mcp/",)),
        "redirect URI": Target(
            _redirect_uri, (OAuthError,), (b"http://127.0.0.1:1/cb", b"cursor://x/y", b"javascript:alert(1)")
        ),
        "redirect URI pair": Target(
            _redirect_pair,
            (),
            (
                b"http://127.0.0.1:1/cb\nhttp://127.0.0.1:2/cb",
                b"http://localhost/cb?a=b\nhttp://localhost:9/cb?a=b",
                b"http://[::1]/\nhttp://[::1]:80/",
                b"https://a.example/cb\nhttps://a.example/cb",
            ),
        ),
        "bearer token": Target(_bearer, (BearerError,), (b"Bearer dwa_abc", b"DPoP x", b"bearer")),
        "challenge": Target(_challenge, (), (b"words", b'"\\\r\n')),
        "Accept and Content-Type": Target(
            _accept, (Refused,), (b"accept: */*;q=0.1, text/html\ncontent-type: application/json; charset=utf-8",)
        ),
        "event stream": Target(_events, (), (b"data: x\r\n\r\n", b":\n\ndata\r\r")),
        "session id": Target(
            lambda data: unseal_session_id(_text(data), b"context", lambda sealed, _: sealed), (UnicodeDecodeError,)
        ),
    }
)
