"""What real clients send when they register, with every defence on: refusing one of them is a fault of ours."""

from __future__ import annotations

import json

import pytest
from endpoints.documents import KEY, door_and_host, proof, public, publish
from endpoints.registering import post
from fetching.hostile import response
from world import RESOURCE, VERIFIER, world

from doorward.clock import FixedClock

CLAUDE = ["https://claude.ai/api/mcp/auth_callback"]
BOTH_GRANTS = {"grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"]}
TWINS = {
    "Claude": {"client_name": "Claude", "redirect_uris": CLAUDE, "token_endpoint_auth_method": "none"} | BOTH_GRANTS,
    "Claude Code": {
        "client_name": "Claude Code (notes)",
        "redirect_uris": ["http://localhost:54212/callback"],
        "token_endpoint_auth_method": "none",
        **BOTH_GRANTS,
    },
    "ChatGPT": {
        "client_name": "ChatGPT",
        "redirect_uris": ["https://chatgpt.com/connector_platform_oauth_redirect"],
        "token_endpoint_auth_method": "none",
        **BOTH_GRANTS,
    },
    "ChatGPT, per connector": {
        "client_name": "ChatGPT",
        "redirect_uris": ["https://chatgpt.com/connector/oauth/Ab3dEf6hIj"],
        "token_endpoint_auth_method": "client_secret_post",
        **BOTH_GRANTS,
    },
    "Codex": {
        "client_name": "Codex",
        "redirect_uris": ["http://127.0.0.1:41873/callback/Xk29slQ"],
        "token_endpoint_auth_method": "none",
        **BOTH_GRANTS,
    },
    "Cursor": {
        "client_name": "Cursor",
        "redirect_uris": [
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "https://www.cursor.com/agents/mcp/oauth/callback",
            "https://cursor.com/agents/mcp/oauth/callback",
        ],
        "token_endpoint_auth_method": "none",
        **BOTH_GRANTS,
    },
    "VS Code": {
        "client_name": "Visual Studio Code",
        "client_uri": "https://code.visualstudio.com",
        "redirect_uris": [
            "https://insiders.vscode.dev/redirect",
            "https://vscode.dev/redirect",
            "http://127.0.0.1/",
            "http://127.0.0.1:33418/",
        ],
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "native",
    },
    "Gemini CLI": {
        "client_name": "Gemini CLI MCP Client",
        "redirect_uris": ["http://localhost:7777/oauth/callback"],
        "token_endpoint_auth_method": "none",
        "scope": "mcp",
        **BOTH_GRANTS,
    },
    "Inspector": {
        "client_name": "MCP Inspector",
        "client_uri": "https://github.com/modelcontextprotocol/inspector",
        "redirect_uris": ["http://localhost:6274/oauth/callback/debug", "http://localhost:6274/oauth/callback"],
        "token_endpoint_auth_method": "none",
        "scope": "",
        **BOTH_GRANTS,
    },
    "mcp-remote": {
        "client_name": "MCP CLI Proxy",
        "client_uri": "https://github.com/modelcontextprotocol/mcp-cli",
        "redirect_uris": ["http://localhost:3334/oauth/callback"],
        "software_id": "2e6dc280-f3c3-4e01-99a7-8181dbd1d23d",
        "software_version": "0.1.37",
        "token_endpoint_auth_method": "none",
        **BOTH_GRANTS,
    },
    "LibreChat": {
        "client_name": "LibreChat MCP Client",
        "redirect_uris": ["https://chat.example/api/mcp/notes/oauth/callback"],
        "token_endpoint_auth_method": "client_secret_basic",
        "scope": "mcp offline_access",
        "logo_uri": None,
        "tos_uri": None,
        **BOTH_GRANTS,
    },
    "MCP Manager": {
        "client_name": "MCP Manager",
        "redirect_uris": ["https://app.mcpmanager.ai/api/v1/mcpm/inbound/oauth/callback"],
        "token_endpoint_auth_method": "client_secret_post",
        **BOTH_GRANTS,
    },
}


@pytest.mark.requirement("X-20")
@pytest.mark.parametrize("body", TWINS.values(), ids=TWINS.keys())
async def test_a_real_client_registers_twice_signs_in_refreshes_and_survives_a_restart(tmp_path, body):
    clock = FixedClock()
    redirect_uri = body["redirect_uris"][0]
    async with world(tmp_path, clock=clock) as w:
        registered, _ = [await post(w, body) for _ in range(2)]
        assert registered.status_code == 201, registered.text
        client = registered.json()
        assert client["redirect_uris"] == body["redirect_uris"]
        assert client["token_endpoint_auth_method"] == body["token_endpoint_auth_method"]
        assert None not in client.values()
        form = {"client_id": client["client_id"]}
        auth = None
        if body["token_endpoint_auth_method"] == "client_secret_post":
            form["client_secret"] = client["client_secret"]
        elif body["token_endpoint_auth_method"] == "client_secret_basic":
            auth = (client["client_id"], client["client_secret"])
        code = await w.code(client["client_id"], redirect_uri=redirect_uri, resource=RESOURCE)
        redeem = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        async with w.browser() as http:
            answer = await http.post("/token", data=form | redeem | {"code_verifier": VERIFIER}, auth=auth)
        assert answer.status_code == 200, answer.text
    async with world(tmp_path, clock=clock) as w, w.browser() as http:
        refresh = {"grant_type": "refresh_token", "refresh_token": answer.json()["refresh_token"]}
        answer = await http.post("/token", data=form | refresh, auth=auth)
        assert answer.status_code == 200, answer.text
        assert (await w.call(answer.json()["access_token"])).status_code == 200


@pytest.mark.requirement("R-01")
async def test_the_first_fifty_users_of_a_vendor_in_one_minute_are_all_served(tmp_path):
    async with world(tmp_path) as w:
        for _ in range(50):
            assert (await post(w, TWINS["Claude"])).status_code == 201
        bodies = [TWINS["LibreChat"] | {"client_name": f"LibreChat {n}"} for n in range(50)]
        assert {(await post(w, body)).status_code for body in bodies} == {201}


DOCUMENTS = {
    "Claude": {"redirect_uris": CLAUDE, "client_uri": "https://claude.ai", "token_endpoint_auth_method": "none"},
    "Claude Code": {
        "redirect_uris": ["http://localhost/callback", "http://127.0.0.1/callback"],
        "token_endpoint_auth_method": "none",
        **BOTH_GRANTS,
    },
    "ChatGPT": {
        "redirect_uris": ["https://chatgpt.com/connector_platform_oauth_redirect"],
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        **BOTH_GRANTS,
    },
    "VS Code": TWINS["VS Code"],
}
WHERE_IT_LISTENS = {"Claude Code": "http://localhost:52871/callback", "VS Code": "http://127.0.0.1:61999/"}


@pytest.mark.requirement("X-20")
@pytest.mark.parametrize("name", DOCUMENTS)
async def test_a_real_client_that_describes_itself_signs_in_and_refreshes(tmp_path, name):
    said = DOCUMENTS[name] | {"client_name": name}
    redirect_uri = WHERE_IT_LISTENS.get(name, said["redirect_uris"][0])
    async with door_and_host(tmp_path) as (w, host):
        keyed = said["token_endpoint_auth_method"] == "private_key_jwt"
        if keyed:
            said["jwks_uri"] = host.url("/jwks.json")
            host.answers["/jwks.json"] = response(json.dumps(public(KEY)).encode())
        client_id = publish(host, **said)

        def form(**fields):
            proved = proof(w, client_id, jti=fields["grant_type"]) if keyed else {}
            return fields | proved | {"client_id": client_id, "resource": RESOURCE}

        code = await w.code(client_id, redirect_uri=redirect_uri)
        redeem = {"code": code, "redirect_uri": redirect_uri, "code_verifier": VERIFIER}
        tokens = await w.token(**form(grant_type="authorization_code", **redeem))
        assert tokens.status_code == 200, tokens.text
        refresh_token = tokens.json()["refresh_token"]
        refreshed = await w.token(**form(grant_type="refresh_token", refresh_token=refresh_token))
        assert refreshed.status_code == 200, refreshed.text
        assert (await w.call(refreshed.json()["access_token"])).status_code == 200
