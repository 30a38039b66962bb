"""`/introspect`: what a token is valid for, as JSON or, if the client asks for it, as a signed JWT.

Spec: RFC 7662 s2; RFC 9701 s4, s5.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from doorward.authority.authority import Authority
from doorward.authority.exchanged_tokens import actor_stands
from doorward.edge.frame import NO_STORE, json_response
from doorward.endpoints.client_authentication import Caller, read_form
from doorward.oauth.tokens.introspection import JWT_HEADER_TYPE, JWT_MEDIA_TYPE, Introspectable, introspect, jwt_claims
from doorward.oauth.tokens.opaque import digest
from doorward.records.accounts import HeaderToken
from doorward.records.oauth import AccessToken, Grant, RefreshToken


class IntrospectEndpoint:
    """Serves `/introspect` for one authorization server."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority

    async def __call__(self, request: Request) -> Response:
        """Answer about one token, whatever its `token_type_hint`."""
        form, authority = await read_form(request), self.authority
        now = authority.clock.now()
        client = (await Caller(authority, request, form).client()).record
        found = await self._find(form.get("token"))
        answer = introspect(
            form, client=client, found=found, grant=await self._grant(found), now=now, policy=authority.policy
        )
        if not _wants_jwt(", ".join(request.headers.getlist("accept"))):
            return json_response(answer)
        claims = jwt_claims(answer, client=client, now=now, policy=authority.policy)
        signed = authority.sign(claims, header_type=JWT_HEADER_TYPE)
        return Response(signed.encode(), headers={"content-type": JWT_MEDIA_TYPE, **NO_STORE})

    async def _find(self, token: str | None) -> Introspectable | None:
        if token is None:
            return None
        kinds: tuple[type[Introspectable], ...] = (AccessToken, RefreshToken, HeaderToken)
        for kind in kinds:
            found = await self.authority.store.get(kind, digest(token))
            if found is not None:
                return found.record if await self._stands(found.record) else None
        return None

    async def _stands(self, found: Introspectable) -> bool:
        store, now = self.authority.store, self.authority.clock.now()
        return not isinstance(found, AccessToken) or await actor_stands(store, found, now=now)

    async def _grant(self, found: Introspectable | None) -> Grant | None:
        if found is None or isinstance(found, HeaderToken):
            return None
        stored = await self.authority.store.get(Grant, found.grant_id)
        return None if stored is None else stored.record


def _wants_jwt(accept: str) -> bool:
    return any(part.split(";", 1)[0].strip().lower() == JWT_MEDIA_TYPE for part in accept.split(","))
