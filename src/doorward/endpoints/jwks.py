"""`/.well-known/jwks.json`: the public keys that verify our signatures, current and retired.

Read from the key ring at each request, so that a rotation is published at once. Caches may keep it for minutes only: a
new key must be found before the first token that it signed is verified.

Spec: RFC 7517 s5; RFC 8414 s2 (`jwks_uri`).
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from doorward.keys.ring import Keys


class JwkSet:
    """Serves the key set of one installation."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys

    async def __call__(self, request: Request) -> Response:
        """Return the public keys of all signing keys."""
        del request
        body = msgspec.json.encode({"keys": [key.public_jwk() for key in self.keys.signing]})
        return Response(body, headers={"content-type": "application/json", "cache-control": "public, max-age=300"})
