"""`/token`: authenticate the client, load what it presents, decide, and answer after the commit.

Spec: RFC 6749 s3.2, s4.1.3, s5, s6; RFC 7636 s4.5; RFC 8707 s2.2; RFC 9700 s4.14.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from doorward.authority.authority import Authority
from doorward.edge.frame import json_response, require_content_type
from doorward.endpoints.client_authentication import Caller
from doorward.endpoints.dpop import nonce_header, presented_proof, with_proof
from doorward.endpoints.further_grants import FurtherGrants
from doorward.endpoints.older_grants import ending_older_grants
from doorward.endpoints.token_hook import Asking, TokenHook
from doorward.hooks import NO_HOOKS, Hooks
from doorward.oauth import grant_types
from doorward.oauth.dpop import require_proof
from doorward.oauth.metadata import TOKEN_PATH
from doorward.oauth.parameters import parse_form
from doorward.oauth.token import MintedTokens, TokenReply, grant_type, redeem_code, refresh
from doorward.oauth.tokens.opaque import ACCESS_TOKEN, REFRESH_TOKEN, digest, mint
from doorward.records.changes import Decision, Stored
from doorward.records.oauth import AuthorizationCode, Client, Grant, RefreshToken


class TokenEndpoint:
    """Serves `/token` for one authorization server."""

    def __init__(self, authority: Authority, hooks: Hooks = NO_HOOKS) -> None:
        self.authority = authority
        self.hook = None if hooks.on_token is None else TokenHook(hooks)
        self.decisions = {
            grant_types.AUTHORIZATION_CODE: self._redeem,
            grant_types.REFRESH_TOKEN: self._refresh,
            **FurtherGrants(authority).decisions,
        }

    async def __call__(self, request: Request) -> Response:
        """Answer one token request."""
        require_content_type(request, "application/x-www-form-urlencoded")
        form = parse_form(await request.body())
        authorization = request.headers.get("authorization")
        asked = grant_type(form, policy=self.authority.policy)
        decide = self.decisions[asked]
        proof = presented_proof(self.authority, request, TOKEN_PATH)
        caller = Caller(self.authority, authorization, form)

        async def attempt(asking: Asking | None = None) -> Decision[TokenReply]:
            client = await caller.client()
            jkt = None if proof is None else proof.proof.jkt
            require_proof(client, jkt, policy=self.authority.policy)
            minted = self._minted(jkt)
            if asking is None:
                decision = await decide(form, client, minted)
            else:
                decision = await asking.settle(lambda terms: decide(form, client, replace(minted, terms=terms)), client)
            self.authority.kept.note(decision.changes, self.authority.policy)
            return await with_proof(self.authority, proof, decision)

        if self.hook is None or not self.hook.asks_about(form["grant_type"]):
            reply = await self.authority.decide(attempt)
        else:
            async with self.hook.asking(form) as asking:
                reply = await self.authority.decide(partial(attempt, asking))
        if reply.error is not None:
            raise reply.error
        self.authority.granted[asked] += 1
        return json_response(reply.body, headers=nonce_header(proof))

    def _minted(self, jkt: str | None) -> MintedTokens:
        entropy = self.authority.entropy
        return MintedTokens(
            access_token=mint(ACCESS_TOKEN, entropy.random_bytes(32)),
            refresh_token=mint(REFRESH_TOKEN, entropy.random_bytes(32)),
            dpop_jkt=jkt,
            sign=self.authority.sign if self.authority.policy.access_token_format == "jwt" else None,
        )

    async def _grant(self, grant_id: str | None) -> Stored[Grant] | None:
        return await self.authority.store.get(Grant, grant_id) if grant_id else None

    async def _redeem(self, form: Mapping[str, str], client: Client, minted: MintedTokens) -> Decision[TokenReply]:
        presented = form.get("code")
        code = await self.authority.store.get(AuthorizationCode, digest(presented)) if presented else None
        grant = await self._grant(code.record.grant_id if code else None)
        decision = redeem_code(
            form,
            client=client,
            code=code,
            grant=grant,
            now=self.authority.clock.now(),
            minted=minted,
            sealing=self.authority.sealing,
            policy=self.authority.policy,
        )
        return await ending_older_grants(self.authority, decision, code, grant)

    async def _refresh(self, form: Mapping[str, str], client: Client, minted: MintedTokens) -> Decision[TokenReply]:
        store = self.authority.store
        presented = form.get("refresh_token")
        token = await store.get(RefreshToken, digest(presented)) if presented else None
        before = token.record.predecessor_digest if token else None
        return refresh(
            form,
            client=client,
            presented=token,
            predecessor=await store.get(RefreshToken, before) if before else None,
            grant=await self._grant(token.record.grant_id if token else None),
            now=self.authority.clock.now(),
            minted=minted,
            sealing=self.authority.sealing,
            policy=self.authority.policy,
        )
