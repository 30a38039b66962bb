"""`/register`: dynamic client registration, with a size limit; it never fetches a URL that a client sends.

Spec: RFC 7591 s3.
"""

from __future__ import annotations

import base64
from dataclasses import asdict
from hmac import compare_digest

from starlette.requests import Request
from starlette.responses import Response

from doorward.authority.authority import Authority
from doorward.authority.unused_places import find_place
from doorward.edge.frame import json_response, require_content_type
from doorward.hooks import NO_HOOKS, Hooks
from doorward.oauth.clients.metadata import ClientMetadata, read_metadata
from doorward.oauth.clients.registration import MintedClient, register_client
from doorward.oauth.clients.registration_question import RegistrationRequest
from doorward.oauth.clients.unused import Before, content_digest
from doorward.oauth.errors import InvalidClientMetadata, InvalidToken, Reason
from doorward.oauth.tokens.opaque import CLIENT_SECRET, REGISTRATION_ACCESS_TOKEN, digest, mint
from doorward.records.changes import Decision
from doorward.records.oauth import Client, RegisteredContent
from doorward.strict_json import InvalidJson, decode


class RegisterEndpoint:
    """Serves `/register` for one authorization server."""

    def __init__(self, authority: Authority, hooks: Hooks = NO_HOOKS) -> None:
        self.authority = authority
        self.hooks = hooks

    async def __call__(self, request: Request) -> Response:
        """Register one client."""
        self._check_token(bearer_token(request))
        body = await request.body()
        metadata = read_metadata(json_body(request, body), policy=self.authority.policy)
        await check_hook(self.hooks, metadata, body)
        authority = self.authority

        async def attempt() -> Decision[dict[str, object]]:
            return register_client(
                metadata,
                minted=self._minted(),
                now=self.authority.clock.now(),
                policy=self.authority.policy,
                place=await find_place(authority.store, authority.entropy, authority.policy, authority.clock.now()),
                before=await self._before(metadata),
            )

        return json_response(await self.authority.decide(attempt), 201)

    def _check_token(self, token: str | None) -> None:
        policy = self.authority.policy
        if policy.registration == "open":
            return
        presented = digest(token or "")
        # Compare with all of them, so that timing does not show which one almost matched.
        matching = [compare_digest(presented, known) for known in policy.registration_tokens]
        if token is None or not any(matching):
            raise InvalidToken("Registration here requires an initial access token.", Reason.REGISTRATION_TOKEN)

    def _minted(self) -> MintedClient:
        random_bytes = self.authority.entropy.random_bytes
        return MintedClient(
            client_id=base64.urlsafe_b64encode(random_bytes(18)).decode(),
            client_secret=mint(CLIENT_SECRET, random_bytes(32)),
            registration_access_token=mint(REGISTRATION_ACCESS_TOKEN, random_bytes(32)),
        )

    async def _before(self, metadata: ClientMetadata) -> Before | None:
        if metadata.token_endpoint_auth_method != "none":
            return None
        store, key = self.authority.store, content_digest(metadata)
        content = await store.get(RegisteredContent, key)
        return Before(key, content, await store.get(Client, content.record.client_id) if content else None)


def json_body(request: Request, body: bytes) -> object:
    """Decode the body of a registration.

    Raises:
        InvalidRequest: its content type is not JSON.
        InvalidClientMetadata: it is not valid JSON, or is ambiguous.
    """
    require_content_type(request, "application/json")
    try:
        return decode(body)
    except InvalidJson as error:
        raise InvalidClientMetadata(str(error), Reason.MALFORMED_METADATA) from None


def bearer_token(request: Request) -> str | None:
    """Return the token of the `Authorization` header. Spec: RFC 6750 s2.1."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


async def check_hook(hooks: Hooks, metadata: ClientMetadata, body: bytes) -> None:
    """Ask the operator's hook about a parsed body; any exception in it refuses the registration.

    Raises:
        InvalidClientMetadata, RegistrationRefused: the hook refused.
        HookFailed: the hook gave no valid answer.
    """
    if hooks.on_register is None:
        return
    # Parse it again, so that nothing the hook does to it reaches the store.
    sent = {name: value for name, value in decode(body).items() if name != "client_secret"}
    question = RegistrationRequest(**asdict(metadata), body=sent)
    refusal = await hooks.register(question)
    if refusal is not None:
        raise InvalidClientMetadata(refusal, Reason.REGISTRATION_POLICY)
