"""`/token`: authenticate the client, let its grant load and decide, and answer after the commit.

Each grant has its own module in `grants/`.

Spec: RFC 6749 s3.2, s4.1.3, s5, s6; RFC 7636 s4.5; RFC 8707 s2.2; RFC 9700 s4.14.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from doorward.authority.authority import Authority
from doorward.edge.frame import json_response
from doorward.endpoints.client_authentication import Caller, read_form
from doorward.endpoints.dpop import nonce_header, presented_proof, with_proof
from doorward.endpoints.grants import (
    authorization_code,
    client_credentials,
    device_code,
    jwt_bearer,
    refresh_token,
    token_exchange,
)
from doorward.endpoints.token_hook import Asking, TokenHook
from doorward.hooks import NO_HOOKS, Hooks
from doorward.oauth import grant_types
from doorward.oauth.dpop import require_proof
from doorward.oauth.tokens.opaque import ACCESS_TOKEN, REFRESH_TOKEN, mint
from doorward.oauth.tokens.reply import MintedTokens, Redemption, TokenReply
from doorward.oauth.tokens.terms import KEEP, TokenTerms
from doorward.paths import TOKEN_PATH
from doorward.records.changes import Decision

GRANTS: Mapping[str, Callable[[Authority, Redemption], Awaitable[Decision[TokenReply]]]] = {
    grant_types.AUTHORIZATION_CODE: authorization_code.decide,
    grant_types.REFRESH_TOKEN: refresh_token.decide,
    grant_types.CLIENT_CREDENTIALS: client_credentials.decide,
    grant_types.TOKEN_EXCHANGE: token_exchange.decide,
    grant_types.JWT_BEARER: jwt_bearer.decide,
    grant_types.DEVICE_CODE: device_code.decide,
}
"""By `grant_type`: the function that loads the grant's records and decides. It runs again in each attempt."""


class TokenEndpoint:
    """Serves `/token` for one authorization server."""

    def __init__(self, authority: Authority, hooks: Hooks = NO_HOOKS) -> None:
        self.authority = authority
        self.hook = None if hooks.on_token is None else TokenHook(hooks)

    async def __call__(self, request: Request) -> Response:
        """Answer one token request."""
        form, authority = await read_form(request), self.authority
        asked = grant_types.grant_type(form, policy=authority.policy)
        decide = GRANTS[asked]
        proof = presented_proof(authority, request, TOKEN_PATH)
        caller = Caller(authority, request, form)

        async def attempt(asking: Asking | None = None) -> Decision[TokenReply]:
            client = await caller.client()
            jkt = None if proof is None else proof.proof.jkt
            require_proof(client.record, jkt, policy=authority.policy)
            minted = self._minted(jkt)

            async def draft(terms: TokenTerms) -> Decision[TokenReply]:
                # Read the clock for each draft: the operator's hook may have taken seconds since the last one.
                now, policy = authority.clock.now(), authority.policy
                made = replace(minted, terms=terms)
                return await decide(authority, Redemption(form, client, now, made, authority.sealing, policy))

            decision = await (draft(KEEP) if asking is None else asking.settle(draft, client.record))
            authority.kept.note(decision.changes, authority.policy)
            return await with_proof(authority, proof, decision)

        if self.hook is None or not self.hook.asks_about(asked):
            reply = await authority.decide(attempt)
        else:
            async with self.hook.asking(form) as asking:
                reply = await authority.decide(partial(attempt, asking))
        if reply.error is not None:
            raise reply.error
        authority.granted[asked] += 1
        return json_response(reply.body, headers=nonce_header(proof))

    def _minted(self, jkt: str | None) -> MintedTokens:
        entropy = self.authority.entropy
        return MintedTokens(
            access_token=mint(ACCESS_TOKEN, entropy.random_bytes(32)),
            refresh_token=mint(REFRESH_TOKEN, entropy.random_bytes(32)),
            dpop_jkt=jkt,
            sign=self.authority.sign if self.authority.policy.access_token_format == "jwt" else None,
        )
