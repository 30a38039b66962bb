"""`/register`: dynamic client registration, open to everyone and limited in size; it fetches nothing that it is told.

Spec: RFC 7591 s3.
"""

from __future__ import annotations

import base64

from starlette.requests import Request
from starlette.responses import Response

from doorward.endpoints.responses import json_response, require_content_type
from doorward.oauth.changes import Decision
from doorward.oauth.errors import InvalidClientMetadata, Reason
from doorward.oauth.registration import register_client
from doorward.oauth.tokens import CLIENT_SECRET, mint
from doorward.storage.authority import Authority
from doorward.strict_json import InvalidJson, decode


class RegisterEndpoint:
    """Serves `/register` for one authorization server."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority

    async def __call__(self, request: Request) -> Response:
        """Register one client."""
        require_content_type(request, "application/json")
        try:
            body = decode(await request.body())
        except InvalidJson as error:
            raise InvalidClientMetadata(str(error), Reason.MALFORMED_METADATA) from None
        entropy = self.authority.entropy

        async def attempt() -> Decision[dict[str, object]]:
            return register_client(
                body,
                client_id=base64.urlsafe_b64encode(entropy.random_bytes(18)).decode(),
                client_secret=mint(CLIENT_SECRET, entropy.random_bytes(32)),
                now=self.authority.clock.now(),
                policy=self.authority.policy,
            )

        return json_response(await self.authority.decide(attempt), 201)
