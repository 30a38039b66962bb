from __future__ import annotations

import pytest
from world import ISSUER, RESOURCE, world


@pytest.mark.requirement("A2")
@pytest.mark.requirement("R2")
async def test_metadata_is_the_same_wherever_a_client_looks(tmp_path):
    resource_paths = ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"]
    server_paths = [
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/mcp",
        "/.well-known/openid-configuration",
        "/.well-known/openid-configuration/mcp",
        "/mcp/.well-known/openid-configuration",
    ]
    async with world(tmp_path) as w, w.browser() as http:
        for paths in (resource_paths, server_paths):
            answers = [await http.get(path) for path in paths]
            assert {answer.status_code for answer in answers} == {200}
            assert len({answer.content for answer in answers}) == 1
            assert {answer.headers["content-type"] for answer in answers} == {"application/json"}
            assert {answer.headers["access-control-allow-origin"] for answer in answers} == {"*"}
        protected = (await http.get(resource_paths[1])).json()
        server = (await http.get(server_paths[0])).json()
    assert protected["resource"] == RESOURCE
    assert protected["authorization_servers"] == [ISSUER]
    assert "offline_access" not in protected.get("scopes_supported", [])
    assert server["issuer"] == ISSUER
    assert server["code_challenge_methods_supported"] == ["S256"]
    assert server["authorization_response_iss_parameter_supported"] is True
    assert set(server["token_endpoint_auth_methods_supported"]) >= {
        "none",
        "client_secret_basic",
        "client_secret_post",
    }
