"""A door beside a web server that publishes client metadata documents, over real TLS on loopback."""

from __future__ import annotations

import base64
import json
from contextlib import asynccontextmanager
from typing import Any

from fetching.hostile import Host, listening, local_fetcher, response
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry
from world import ISSUER, REDIRECT_URI, World, world

from doorward.oauth.clients.assertion import ASSERTION_TYPE

KEY = ECKey.generate_key("P-256", {"kid": "one"}, private=True)
OTHER_KEY = ECKey.generate_key("P-256", {"kid": "two"}, private=True)


def public(*keys: ECKey) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=False) for key in keys]}


def document(url: str, **changes: Any) -> dict[str, Any]:
    return {"client_id": url, "client_name": "Notes", "redirect_uris": [REDIRECT_URI]} | changes


def publish(host: Host, path: str = "/client.json", *, headers: dict[str, str] | None = None, **changes: Any) -> str:
    """Publish a document at the path, and return its URL, which is the client's id."""
    url = host.url(path)
    host.answers[path] = response(json.dumps(document(url, **changes)).encode(), **(headers or {}))
    return url


@asynccontextmanager
async def door_and_host(tmp_path, **settings: Any):
    async with listening() as host, world(tmp_path, fetcher=local_fetcher(), **settings) as w:
        yield w, host


def assertion(
    client_id: str, now: int, key: ECKey = KEY, *, header: dict[str, Any] | None = None, **claims: Any
) -> str:
    payload = {"iss": client_id, "sub": client_id, "aud": ISSUER, "exp": now + 60, "jti": f"{now}"} | claims
    parts = ({"alg": "ES256", "kid": key.kid} | (header or {}), payload)
    signing_input = ".".join(_base64url(json.dumps(part).encode()) for part in parts)
    signature = JWSRegistry.algorithms["ES256"].sign(signing_input.encode(), key)
    return f"{signing_input}.{_base64url(signature)}"


def proof(w: World, client_id: str, key: ECKey = KEY, **claims: Any) -> dict[str, str]:
    """Return the form fields of a client that authenticates with its key."""
    return {
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion(client_id, w.clock.now(), key, **claims),
    }


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
