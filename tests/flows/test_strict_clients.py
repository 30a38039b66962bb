"""Strict OAuth clients that know nothing of MCP do everything that the metadata advertises, and check each answer.

What is exercised follows the metadata, so a feature that is advertised is a feature that these clients have used.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from flows import foreign, node
from flows.door import PASSWORD, Door, serving
from flows.user_agent import Browser, Person
from joserfc.jwk import RSAKey

REDIRECT_URI = "http://127.0.0.1:33419/callback"
VERIFIER = "authlib-verifier-" + "x" * 43
CLIENTS = ("oauth4webapi", "openid_client")
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "authlib", "version": "1"}},
}
PATIENCE_SECONDS = 110


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with serving(foreign.SERVERS / "fastmcp_server.py", data_dir=tmp_path_factory.mktemp("door") / "data") as running:
        yield running


def run(script: str, url: str, password: str = PASSWORD) -> dict[str, Any]:
    """Run one of the Node.js clients and return the line it printed."""
    node.install()
    done = subprocess.run(
        [str(node.binary()), str(node.FOLDER / f"{script}.mjs"), url],
        env={**os.environ, "MCP_USERNAME": "owner", "MCP_PASSWORD": password},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.stdout.strip(), done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def metadata(door: Door) -> dict[str, Any]:
    return httpx2.get(door.program.url("/.well-known/oauth-authorization-server")).raise_for_status().json()


def advertised(described: dict[str, Any]) -> set[tuple[str, bool, bool]]:
    """Return each way to authenticate, to push and to bind that the metadata names: what a run has to contain."""
    extras = {(False, False)}
    if "pushed_authorization_request_endpoint" in described:
        extras.add((True, False))
    if "dpop_signing_alg_values_supported" in described:
        extras.add((False, True))
    return {(method, *each) for method in described["token_endpoint_auth_methods_supported"] for each in extras}


@pytest.mark.requirement("A1")
@pytest.mark.requirement("A13")
@pytest.mark.parametrize("script", CLIENTS)
def test_a_strict_client_does_everything_that_the_metadata_advertises(door: Door, script: str):
    line = run(script, door.url)
    assert line["ok"], line
    done = {(each["method"], each["push"], each["bound"]) for each in line["done"]}
    assert done == advertised(metadata(door))
    assert all(each["rotated"] for each in line["done"])


@pytest.mark.parametrize("script", CLIENTS)
def test_a_strict_client_fails_at_a_server_that_is_not_strict(script: str):
    with foreign.python_server("protected_server") as lax:
        line = run(script, lax.url(), password="open sesame")
    assert not line["ok"]


def authlib_client(door: Door, described: dict[str, Any], method: str) -> AsyncOAuth2Client:
    """Register, and return Authlib's client for what was registered."""
    key = RSAKey.generate_key(2048, parameters={"kid": "k1", "use": "sig"})
    body: dict[str, Any] = {"redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": method}
    if method == "private_key_jwt":
        body["jwks"] = {"keys": [key.as_dict(private=False)]}
    registered = httpx2.post(described["registration_endpoint"], json=body).raise_for_status().json()
    assert registered["token_endpoint_auth_method"] == method
    signs = method == "private_key_jwt"
    client = AsyncOAuth2Client(
        registered["client_id"],
        key.as_dict(private=True) if signs else registered.get("client_secret"),
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        redirect_uri=REDIRECT_URI,
        scope="mcp",
        code_challenge_method="S256",
        timeout=30,
    )
    if signs:
        client.register_client_auth_method(PrivateKeyJWT(described["token_endpoint"], alg="RS256"))
    return client


async def opens(client: AsyncOAuth2Client, door: Door) -> int:
    headers = {"accept": "application/json, text/event-stream"}
    return (await client.post(door.url, json=INITIALIZE, headers=headers)).status_code


@pytest.mark.requirement("A13")
@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"])
async def test_authlib_signs_in_refreshes_and_revokes(door: Door, method: str):
    described = metadata(door)
    assert method in described["token_endpoint_auth_methods_supported"]
    async with authlib_client(door, described, method) as client:
        url, state = client.create_authorization_url(
            described["authorization_endpoint"], code_verifier=VERIFIER, resource=door.url
        )
        back = await Browser().follow(url, REDIRECT_URI, Person(password=PASSWORD))
        assert back.parameters["state"] == state
        assert back.parameters["iss"] == described["issuer"]
        more = {"code_verifier": VERIFIER, "resource": door.url}
        first = await client.fetch_token(described["token_endpoint"], code=back.parameters["code"], **more)
        assert await opens(client, door) == 200
        second = await client.refresh_token(described["token_endpoint"])
        assert second["refresh_token"] != first["refresh_token"]
        assert await opens(client, door) == 200
        answer = await client.revoke_token(described["revocation_endpoint"], second["refresh_token"], "refresh_token")
        assert answer.status_code == 200
        assert await opens(client, door) == 401


async def test_authlib_is_told_why_it_gets_nothing(door: Door):
    described = metadata(door)
    async with authlib_client(door, described, "client_secret_post") as client:
        with pytest.raises(OAuthError) as caught:
            await client.fetch_token(described["token_endpoint"], code="dwc_made_up", code_verifier=VERIFIER)
    assert caught.value.error == "invalid_grant"
