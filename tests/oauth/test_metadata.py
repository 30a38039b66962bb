from dataclasses import replace

import pytest
from oauth.given import ISSUER, POLICY, RESOURCE

from doorward.oauth.clients.keys import SIGNING_ALGORITHMS
from doorward.oauth.dpop import ALGORITHMS as DPOP_ALGORITHMS
from doorward.oauth.metadata import authorization_server, locations, protected_resource, protected_resource_url

METHODS = ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]
ALGORITHMS = ["ES256", "RS256", "PS256", "EdDSA"]


@pytest.mark.requirement("A3")
@pytest.mark.requirement("A13")
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
        "client_id_metadata_document_supported": True,
        "token_endpoint_auth_methods_supported": METHODS,
        "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "revocation_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "introspection_endpoint": f"{ISSUER}/introspect",
        "introspection_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
        ],
        "introspection_endpoint_auth_signing_alg_values_supported": list(SIGNING_ALGORITHMS),
        "introspection_signing_alg_values_supported": ["ES256"],
        "jwks_uri": f"{ISSUER}/.well-known/jwks.json",
        "pushed_authorization_request_endpoint": f"{ISSUER}/par",
        "require_pushed_authorization_requests": False,
        "dpop_signing_alg_values_supported": list(DPOP_ALGORITHMS),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }


@pytest.mark.requirement("CIM-02")
@pytest.mark.parametrize(
    ("changes", "left_out"),
    [
        ({"registration": "off"}, "registration_endpoint"),
        ({"metadata_document_hosts": ()}, "client_id_metadata_document_supported"),
    ],
)
def test_a_way_to_register_that_is_switched_off_is_not_advertised(changes, left_out):
    document = authorization_server(replace(POLICY, **changes))
    assert document.keys() == authorization_server(POLICY).keys() - {left_out}


@pytest.mark.requirement("R1")
def test_the_protected_resource_names_its_authorization_server():
    document = {
        "resource": RESOURCE,
        "authorization_servers": [ISSUER],
        "scopes_supported": ["read", "write"],
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": list(DPOP_ALGORITHMS),
        "dpop_bound_access_tokens_required": False,
    }
    assert protected_resource(POLICY) == document
    assert protected_resource(POLICY, resource_name="Notes", resource_documentation="https://d.example") == document | {
        "resource_name": "Notes",
        "resource_documentation": "https://d.example",
    }


@pytest.mark.requirement("R2")
@pytest.mark.parametrize(
    ("resource", "url"),
    [
        (RESOURCE, f"{ISSUER}/.well-known/oauth-protected-resource/mcp"),
        (ISSUER, f"{ISSUER}/.well-known/oauth-protected-resource"),
    ],
)
def test_the_challenge_names_the_url_with_the_path_inserted(resource, url):
    assert protected_resource_url(resource) == url


@pytest.mark.requirement("A2")
@pytest.mark.requirement("R2")
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
