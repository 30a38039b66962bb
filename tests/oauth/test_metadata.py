from dataclasses import replace

import pytest
from oauth.given import DOOR, ISSUER, NOTES, POLICY, RESOURCE, TWO_DOORS

from doorward.oauth.clients.keys import SIGNING_ALGORITHMS
from doorward.oauth.dpop import ALGORITHMS as DPOP_ALGORITHMS
from doorward.oauth.metadata import (
    authorization_server,
    documents,
    inserted_paths,
    needed_paths,
    protected_resource,
    protected_resource_url,
    undecided_documents,
)
from doorward.oauth.policy import Policy, Resource, by_uri

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
    assert protected_resource(DOOR, policy=POLICY) == document
    assert protected_resource(
        replace(DOOR, title="Notes"), policy=POLICY, resource_documentation="https://d.example"
    ) == document | {
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


def kinds(policy):
    """Map each path to what is served there: "authorization_server", or the door's URI."""
    return {path: each.get("resource", "authorization_server") for path, each in documents(policy).items()}


@pytest.mark.requirement("A2")
@pytest.mark.requirement("R2")
def test_every_path_that_a_client_probes_is_served():
    expected = {
        "/.well-known/oauth-protected-resource": RESOURCE,
        "/.well-known/oauth-protected-resource/mcp": RESOURCE,
        "/mcp/.well-known/oauth-protected-resource": RESOURCE,
        "/.well-known/oauth-authorization-server": "authorization_server",
        "/.well-known/oauth-authorization-server/mcp": "authorization_server",
        "/mcp/.well-known/oauth-authorization-server": "authorization_server",
        "/.well-known/openid-configuration": "authorization_server",
        "/.well-known/openid-configuration/mcp": "authorization_server",
        "/mcp/.well-known/openid-configuration": "authorization_server",
    }
    assert kinds(POLICY) == expected | {f"{path}/": document for path, document in expected.items()}


def test_an_issuer_with_a_path_is_found_inserted_and_appended():
    policy = Policy("https://door.example/tenant", by_uri(Resource("https://door.example/tenant/mcp", "mcp", ("mcp",))))
    expected = {
        "/.well-known/oauth-protected-resource/tenant/mcp": "https://door.example/tenant/mcp",
        "/tenant/.well-known/oauth-protected-resource": "https://door.example/tenant/mcp",
        "/tenant/.well-known/oauth-protected-resource/mcp": "https://door.example/tenant/mcp",
        "/tenant/mcp/.well-known/oauth-protected-resource": "https://door.example/tenant/mcp",
    }
    for name in ("oauth-authorization-server", "openid-configuration"):
        for path in (
            f"/.well-known/{name}/tenant",
            f"/tenant/.well-known/{name}",
            f"/.well-known/{name}/tenant/mcp",
            f"/tenant/.well-known/{name}/mcp",
            f"/tenant/mcp/.well-known/{name}",
        ):
            expected[path] = "authorization_server"
    assert kinds(policy) == expected | {f"{path}/": document for path, document in expected.items()}
    assert set(inserted_paths(policy)) == {path for path in kinds(policy) if path.startswith("/.well-known/")}
    assert needed_paths(policy, next(iter(policy.resources.values()))) == [
        "/.well-known/oauth-protected-resource/tenant/mcp",
        "/.well-known/oauth-authorization-server/tenant",
        "/.well-known/openid-configuration/tenant",
    ]
    assert protected_resource_url("https://door.example/tenant/mcp") == (
        "https://door.example/.well-known/oauth-protected-resource/tenant/mcp"
    )


def test_every_address_in_the_metadata_of_an_issuer_with_a_path_is_below_it():
    described = authorization_server(replace(POLICY, issuer=f"{ISSUER}/tenant", device_grant=True))
    addresses = {name: each for name, each in described.items() if str(each).startswith("https:")}
    assert addresses.pop("issuer") == f"{ISSUER}/tenant"
    assert len(addresses) == 8
    assert all(each.startswith(f"{ISSUER}/tenant/") for each in addresses.values())


def test_the_host_of_an_issuer_without_a_path_has_no_documents_of_its_own():
    assert inserted_paths(POLICY) == []


PROTECTED = "/.well-known/oauth-protected-resource"


def test_each_of_several_doors_has_a_document_of_its_own_and_the_root_has_that_of_the_default():
    for default in ("", "mcp", "notes"):
        policy = replace(TWO_DOORS, default_door=default)
        served = kinds(policy)
        for path in ("", "/"):
            assert served[f"{PROTECTED}/mcp{path}"] == served[f"/mcp{PROTECTED}{path}"] == RESOURCE
            assert served[f"{PROTECTED}/notes/mcp{path}"] == served[f"/notes/mcp{PROTECTED}{path}"] == NOTES.uri
            assert served[f"/.well-known/oauth-authorization-server/notes/mcp{path}"] == "authorization_server"
        root = {"": None, "mcp": RESOURCE, "notes": NOTES.uri}[default]
        assert served.get(PROTECTED) == served.get(f"{PROTECTED}/") == root


def test_without_a_default_the_root_lists_the_documents_of_all_doors():
    missing = undecided_documents(TWO_DOORS)
    assert missing.keys() == {PROTECTED, f"{PROTECTED}/"}
    assert missing[PROTECTED]["documents"] == [f"{ISSUER}{PROTECTED}/mcp", f"{ISSUER}{PROTECTED}/notes/mcp"]
    assert undecided_documents(POLICY) == undecided_documents(replace(TWO_DOORS, default_door="notes")) == {}


def test_a_door_at_the_root_keeps_its_document_although_another_one_is_the_default():
    root = Resource(ISSUER, "root", ("mcp",))
    served = kinds(Policy(ISSUER, by_uri(root, NOTES), default_door="notes"))
    assert served[PROTECTED] == ISSUER
    assert served[f"{PROTECTED}/notes/mcp"] == NOTES.uri


def test_each_document_names_the_scopes_of_its_door_and_the_authorization_server_names_all():
    assert protected_resource(NOTES, policy=TWO_DOORS)["scopes_supported"] == ["notes"]
    assert authorization_server(TWO_DOORS)["scopes_supported"] == ["read", "write", "notes", "notes:all"]


def test_a_door_for_header_tokens_only_has_no_document():
    served = kinds(Policy(ISSUER, by_uri(DOOR, replace(NOTES, takes_access_tokens=False))))
    assert served[PROTECTED] == RESOURCE
    assert not any("notes" in path for path in served)


def test_below_a_path_each_door_has_its_document_and_the_path_of_the_issuer_lists_them_all():
    issuer = f"{ISSUER}/team"
    doors = (replace(DOOR, uri=f"{issuer}/mcp"), replace(NOTES, uri=f"{issuer}/notes/mcp"))
    policy = Policy(issuer, by_uri(*doors))
    served = kinds(policy)
    for each, path in zip(doors, ("/mcp", "/notes/mcp"), strict=True):
        for place in (f"{PROTECTED}/team{path}", f"/team{PROTECTED}{path}", f"/team{path}{PROTECTED}"):
            assert served[place] == each.uri
    assert f"/team{PROTECTED}" not in served
    missing = undecided_documents(policy)
    assert missing.keys() == {f"/team{PROTECTED}", f"/team{PROTECTED}/"}
    assert missing[f"/team{PROTECTED}"]["documents"] == [
        f"{ISSUER}{PROTECTED}/team/mcp",
        f"{ISSUER}{PROTECTED}/team/notes/mcp",
    ]
