import pytest
from oauth.given import ISSUER, POLICY, RESOURCE

from doorward.oauth.metadata import authorization_server, locations, protected_resource, protected_resource_url


def test_the_authorization_server_advertises_what_is_built_and_nothing_else():
    assert authorization_server(POLICY) == {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": f"{ISSUER}/token",
        "registration_endpoint": f"{ISSUER}/register",
        "revocation_endpoint": f"{ISSUER}/revoke",
        "scopes_supported": ["read", "write"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [
            "authorization_code",
            "refresh_token",
            "client_credentials",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }


def test_the_protected_resource_names_its_authorization_server():
    document = {
        "resource": RESOURCE,
        "authorization_servers": [ISSUER],
        "scopes_supported": ["read", "write"],
        "bearer_methods_supported": ["header"],
    }
    assert protected_resource(POLICY) == document
    assert protected_resource(POLICY, resource_name="Notes", resource_documentation="https://d.example") == document | {
        "resource_name": "Notes",
        "resource_documentation": "https://d.example",
    }


@pytest.mark.parametrize(
    ("resource", "url"),
    [
        (RESOURCE, f"{ISSUER}/.well-known/oauth-protected-resource/mcp"),
        (ISSUER, f"{ISSUER}/.well-known/oauth-protected-resource"),
    ],
)
def test_the_challenge_names_the_url_with_the_path_inserted(resource, url):
    assert protected_resource_url(resource) == url


def test_every_path_that_a_client_probes_is_served():
    served = locations(ISSUER, RESOURCE)
    expected = {
        "/.well-known/oauth-protected-resource": "protected_resource",
        "/.well-known/oauth-protected-resource/mcp": "protected_resource",
        "/mcp/.well-known/oauth-protected-resource": "protected_resource",
        "/.well-known/oauth-authorization-server": "authorization_server",
        "/.well-known/oauth-authorization-server/mcp": "authorization_server",
        "/mcp/.well-known/oauth-authorization-server": "authorization_server",
        "/.well-known/openid-configuration": "authorization_server",
        "/.well-known/openid-configuration/mcp": "authorization_server",
        "/mcp/.well-known/openid-configuration": "authorization_server",
    }
    assert served == expected | {f"{path}/": document for path, document in expected.items()}


def test_an_issuer_with_a_path_is_found_inserted_and_appended():
    served = locations("https://door.example/tenant", "https://door.example/")
    for path in ("/.well-known/oauth-authorization-server/tenant", "/tenant/.well-known/openid-configuration"):
        assert served[path] == "authorization_server"
    assert served["/.well-known/oauth-protected-resource"] == "protected_resource"
    assert "/tenant/.well-known/oauth-protected-resource" not in served
