"""The official SDK's clients for the two authorization extensions, unmodified, against a door in this process."""

from __future__ import annotations

import httpx2
import msgspec
import pytest
from endpoints.operator_clients import TRUSTED, assertion, operator_client, service_client
from mcp.client.auth.extensions.client_credentials import (
    ClientCredentialsOAuthProvider,
    PrivateKeyJWTOAuthProvider,
    SignedJWTParameters,
)
from mcp.client.auth.extensions.identity_assertion import IdentityAssertionOAuthProvider
from oauth.grants.id_jags import RSA
from world import CALL, ISSUER, RESOURCE, world

from doorward.clock import SystemClock
from doorward.oauth.clients.keys import read_jwks
from doorward.oauth.grant_types import CLIENT_CREDENTIALS, JWT_BEARER
from doorward.records.changes import Replace
from doorward.records.oauth import Client


class Memory:
    """Where the SDK keeps its tokens."""

    def __init__(self) -> None:
        self.tokens = None
        self.client_info = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client_info

    async def set_client_info(self, client_info):
        self.client_info = client_info


async def called(w, provider):
    headers = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2026-07-28"}
    transport = httpx2.ASGITransport(w.door)
    async with httpx2.AsyncClient(transport=transport, base_url=ISSUER, auth=provider, headers=headers) as http:
        return await http.post(RESOURCE, json=CALL, headers={"mcp-protocol-version": "2025-11-25"})


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
@pytest.mark.requirement("A-CC")
async def test_the_sdk_calls_as_a_service_account(tmp_path, method):
    async with world(tmp_path) as w:
        client = await service_client(w)
        memory = Memory()
        provider = ClientCredentialsOAuthProvider(
            RESOURCE, memory, **client, token_endpoint_auth_method=method, issuer=ISSUER, scope="mcp"
        )
        assert (await called(w, provider)).status_code == 200
        assert memory.tokens.refresh_token is None


@pytest.mark.requirement("A-CC")
async def test_the_sdk_calls_as_a_service_account_with_a_key(tmp_path):
    async with world(tmp_path, clock=SystemClock()) as w:
        client_id = (await service_client(w))["client_id"]
        stored = await w.door.store.get(Client, client_id)
        keyed = {
            "token_endpoint_auth_method": "private_key_jwt",
            "secret_digest": None,
            "jwks": read_jwks({"keys": [RSA.as_dict(private=False)]}),
        }
        await w.door.store.apply([Replace(msgspec.structs.replace(stored.record, **keyed), stored.version)])
        signing = SignedJWTParameters(
            issuer=client_id, subject=client_id, signing_key=RSA.as_pem(private=True).decode()
        )
        provider = PrivateKeyJWTOAuthProvider(
            RESOURCE,
            Memory(),
            client_id=client_id,
            assertion_provider=signing.create_assertion_provider(),
            issuer=ISSUER,
        )
        assert (await called(w, provider)).status_code == 200


@pytest.mark.requirement("EMA-01")
async def test_the_sdk_calls_as_a_person_of_an_enterprise(tmp_path):
    async with world(tmp_path, trusted_issuers=(TRUSTED,)) as w:
        client = await operator_client(w, JWT_BEARER)
        asked = []

        async def provide(audience, resource):
            asked.append((audience, resource))
            return assertion(w, client, aud=audience, resource=resource)

        provider = IdentityAssertionOAuthProvider(
            RESOURCE, Memory(), **client, issuer=ISSUER, assertion_provider=provide
        )
        assert (await called(w, provider)).status_code == 200
        assert asked == [(ISSUER, RESOURCE)]


async def test_a_token_of_a_service_account_is_not_refreshed(tmp_path):
    async with world(tmp_path) as w:
        client = await service_client(w)
        refused = await w.token(grant_type="refresh_token", refresh_token="dwr_x", **client)
        assert refused.json()["error"] == "unauthorized_client"
        assert (await w.token(grant_type=CLIENT_CREDENTIALS, **client)).status_code == 200
