"""`/.well-known/jwks.json`: the public keys that verify what is signed here, the current one and those before it.

Read from the ring at each request, so that a rotation is published at once. It may be cached for minutes only: a key
that is new today must be found before the first token that it signed is judged.

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
        """Answer with the public halves of all signing keys."""
        del request
        body = msgspec.json.encode({"keys": [key.public_jwk() for key in self.keys.signing]})
        return Response(body, headers={"content-type": "application/json", "cache-control": "public, max-age=300"})
