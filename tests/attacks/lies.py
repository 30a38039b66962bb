"""Client metadata documents that must not be believed: each lie takes the document's URL and returns its bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from endpoints.documents import KEY, document, public
from world import ISSUER, REDIRECT_URI

Lie = Callable[[str], bytes]


def saying(**changes: Any) -> Lie:
    """Return a document in which some members are others, or with None are left out."""

    def lie(url: str) -> bytes:
        said = {name: value for name, value in (document(url) | changes).items() if value is not None}
        return json.dumps(said).encode()

    return lie


def named(change: Callable[[str], Any]) -> Lie:
    """Return a document that names another client than its own URL."""
    return lambda url: json.dumps(document(url) | {"client_id": change(url)}).encode()


def spelled(change: Callable[[bytes], bytes]) -> Lie:
    """Return a document whose bytes are changed."""
    return lambda url: change(json.dumps(document(url)).encode())


PRIVATE = {"keys": [KEY.as_dict(private=True)]}
SHARED = {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "one"}]}
SIGNS = {"token_endpoint_auth_method": "private_key_jwt"}

LIES: tuple[Lie, ...] = (
    named(lambda url: url + "/"),
    named(lambda url: url + "?"),
    named(lambda url: url + "#"),
    named(lambda url: url.upper()),
    named(lambda url: url.replace("client.example", "CLIENT.example")),
    named(lambda url: url.replace("https", "http")),
    named(lambda url: "https://claude.ai/client.json"),
    named(lambda url: [url]),
    named(lambda url: 1),
    named(lambda url: ""),
    saying(client_id=None),
    saying(client_name=None),
    saying(client_name=""),
    saying(client_name="   "),
    saying(client_name=["Notes"]),
    saying(client_name=5),
    saying(client_secret="hush"),
    saying(client_secret=""),
    saying(client_secret_expires_at=0),
    *(
        saying(token_endpoint_auth_method=method)
        for method in ("client_secret_basic", "client_secret_post", "client_secret_jwt", "tls_client_auth", "magic", 5)
    ),
    saying(redirect_uris=None),
    saying(redirect_uris=[]),
    saying(redirect_uris=REDIRECT_URI),
    saying(redirect_uris=[5]),
    saying(redirect_uris={"a": REDIRECT_URI}),
    saying(redirect_uris=[REDIRECT_URI] * 20 + ["https://client.example/one-more"]),
    *(
        saying(redirect_uris=[uri])
        for uri in (
            "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "http://client.example/callback",
            "https://client.example/*", "https://client.example/a#b", "https://user@client.example/",
            "https://client.example/../x", "//client.example/callback", "/callback", "",
            f"{ISSUER}/-/callback/google", f"{ISSUER}/-/consent", "https://client.example/?code=1", "x" * 3000,
        )
    ),
    saying(**SIGNS),
    saying(**SIGNS, jwks=PRIVATE),
    saying(jwks=PRIVATE),
    saying(**SIGNS, jwks=SHARED),
    saying(**SIGNS, jwks={"keys": []}),
    saying(**SIGNS, jwks=public(KEY), jwks_uri="https://client.example/jwks.json"),
    saying(**SIGNS, jwks_uri="http://client.example/jwks.json"),
    saying(**SIGNS, jwks_uri="https://" + "x" * 2000),
    saying(**SIGNS, jwks_uri=5),
    saying(grant_types=["implicit"]),
    saying(grant_types=["client_credentials"]),
    saying(grant_types="authorization_code"),
    saying(response_types=["token"]),
    saying(scope='"quoted"'),
    saying(scope=5),
    saying(logo_uri="javascript:alert(1)"),
    saying(tos_uri="file:///etc/passwd"),
    saying(client_uri=5),
    saying(padding="x" * 6000),
    spelled(lambda body: body[:-1]),
    spelled(lambda body: body + body),
    spelled(lambda body: b"[" + body + b"]"),
    spelled(lambda body: b"\xef\xbb\xbf" + body),
    spelled(lambda body: body.decode().encode("utf-16")),
    spelled(lambda body: body.replace(b'"client_name": "Notes"', b'"client_name": NaN')),
    spelled(lambda body: body[:-1] + b', "redirect_uris": ["https://evil.example/"]}'),
    spelled(lambda body: body[:-1] + b', "a": ' + b"[" * 1500 + b"]" * 1500 + b"}"),
    spelled(lambda body: body.replace(b"Notes", b"\xff\xfe")),
    spelled(lambda body: b""),
)  # fmt: skip
