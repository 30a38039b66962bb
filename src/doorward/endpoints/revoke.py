"""`/revoke`: ends a token. An unknown token, or another client's, is answered like a success and left alone.

Spec: RFC 7009 s2.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from doorward.authority.authority import Authority
from doorward.edge.frame import NO_STORE
from doorward.endpoints.client_authentication import Caller, read_form
from doorward.oauth.tokens.opaque import digest
from doorward.oauth.tokens.revocation import revoke
from doorward.records.changes import Decision, Stored
from doorward.records.oauth import AccessToken, Grant, RefreshToken


class RevokeEndpoint:
    """Serves `/revoke` for one authorization server."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority

    async def __call__(self, request: Request) -> Response:
        """Revoke one token, whatever its `token_type_hint`."""
        form = await read_form(request)
        caller = Caller(self.authority, request, form)
        store = self.authority.store

        async def attempt() -> Decision[None]:
            now = self.authority.clock.now()
            client = (await caller.client()).record
            found = await self._find(form.get("token"))
            grant = await store.get(Grant, found.record.grant_id) if found else None
            return revoke(form, client=client, found=found, grant=grant, now=now)

        await self.authority.decide(attempt)
        return Response(status_code=200, headers=NO_STORE)

    async def _find(self, token: str | None) -> Stored[AccessToken] | Stored[RefreshToken] | None:
        if token is None:
            return None
        key = digest(token)
        return await self.authority.store.get(RefreshToken, key) or await self.authority.store.get(AccessToken, key)
