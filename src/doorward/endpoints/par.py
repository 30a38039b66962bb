"""`/par`: a client pushes the parameters of an authorization request and gets a reference for the browser.

Spec: RFC 9126 s2; RFC 9449 s10.1.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from doorward import base64url
from doorward.authority.authority import Authority
from doorward.edge.frame import json_response
from doorward.endpoints.client_authentication import Caller, read_form
from doorward.endpoints.dpop import nonce_header, presented_proof, with_proof
from doorward.oauth.authorization.pushed_request import push
from doorward.paths import PAR_PATH
from doorward.records.changes import Decision


class PushEndpoint:
    """Serves `/par` for one authorization server."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority

    async def __call__(self, request: Request) -> Response:
        """Store one pushed request."""
        form, authority = await read_form(request), self.authority
        proof = presented_proof(authority, request, PAR_PATH)
        caller = Caller(authority, request, form)
        await caller.fetch_client_document()

        async def attempt() -> Decision[dict[str, object]]:
            decision = push(
                form,
                client=(await caller.client()).record,
                reference=base64url.encode(authority.entropy.random_bytes(32)),
                jkt=None if proof is None else proof.proof.jkt,
                now=authority.clock.now(),
                policy=authority.policy,
            )
            return await with_proof(authority, proof, decision)

        return json_response(await authority.decide(attempt), 201, nonce_header(proof))
