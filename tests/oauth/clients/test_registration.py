import pytest
from oauth.given import ISSUER, NOW, POLICY, REDIRECT_URI

from doorward.oauth.clients.metadata import read_metadata
from doorward.oauth.clients.registration import MintedClient, register_client
from doorward.oauth.tokens.opaque import digest
from doorward.records.changes import Insert
from doorward.records.oauth import Client

SECRET = "dws_secret"
MANAGEMENT = "dwm_management"
MANAGED = {
    "registration_access_token": MANAGEMENT,
    "registration_client_uri": f"{ISSUER}/register/c1",
}
CURSOR = [
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "https://www.cursor.com/agents/mcp/oauth/callback",
    "http://localhost:8787/callback",
]


def register(body):
    minted = MintedClient("c1", SECRET, MANAGEMENT)
    decision = register_client(read_metadata(body, policy=POLICY), minted=minted, now=NOW, policy=POLICY)
    (insert,) = decision.changes
    assert isinstance(insert, Insert)
    assert isinstance(insert.record, Client)
    return decision.reply, insert.record


def test_a_minimal_body_makes_a_confidential_client_with_truthful_defaults():
    reply, client = register({"redirect_uris": [REDIRECT_URI]})
    assert (
        reply
        == {
            "client_id": "c1",
            "client_id_issued_at": NOW,
            "client_secret": SECRET,
            "client_secret_expires_at": 0,
            "redirect_uris": [REDIRECT_URI],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "client_secret_basic",
            "application_type": "web",
        }
        | MANAGED
    )
    assert client.management_digest == digest(MANAGEMENT)
    assert MANAGEMENT not in repr(client)
    assert client.secret_digest == digest(SECRET)
    assert SECRET not in repr(client)
    assert client.auth_method_defaulted
    assert (client.source, client.created_at, client.expires_at) == ("dynamic", NOW, NOW + 7 * 86_400)


def test_a_public_client_gets_no_secret():
    reply, client = register({"redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "none"})
    assert not {"client_secret", "client_secret_expires_at"} & reply.keys()
    assert client.secret_digest is None
    assert client.token_endpoint_auth_method == "none"
    assert not client.auth_method_defaulted


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_chosen_method_is_kept_and_echoed(method):
    reply, client = register({"redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": method})
    assert reply["token_endpoint_auth_method"] == client.token_endpoint_auth_method == method
    assert reply["client_secret"] == SECRET
    assert not client.auth_method_defaulted


@pytest.mark.requirement("A16")
@pytest.mark.requirement("A5")
def test_everything_a_client_says_about_itself_is_stored_and_echoed():
    said = {
        "client_name": "Notes",
        "client_name#de-CH": "Notizen",
        "client_uri": "https://client.example/#about",
        "logo_uri": "http://client.example/logo.png",
        "tos_uri#fr": "https://client.example/cgu",
        "policy_uri": "https://client.example/privacy",
        "software_id": "4NRB1-0XZABZI9E6-5SM3R",
        "software_version": "1.0",
        "scope": "write read",
        "application_type": "native",
    }
    reply, client = register({"redirect_uris": [REDIRECT_URI]} | said)
    assert {name: reply[name] for name in said} == said | {"scope": "read write"}
    assert client.client_name == "Notes"
    assert client.scope == "read write"
    assert client.application_type == "native"
    assert client.metadata["client_name#de-CH"] == "Notizen"


@pytest.mark.requirement("A5")
@pytest.mark.parametrize(
    "body",
    [
        {
            "client_name": "Cursor",
            "redirect_uris": CURSOR,
            "application_type": "web",
            "token_endpoint_auth_method": "none",
        },
        {
            "client_name": "MCP Manager",
            "redirect_uris": ["https://app.mcpmanager.ai/api/v1/mcpm/inbound/oauth/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "client_secret_post",
        },
        {
            "client_name": "Visual Studio Code",
            "client_uri": "https://code.visualstudio.com",
            "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
            "response_types": ["code"],
            "redirect_uris": [
                "https://insiders.vscode.dev/redirect",
                "https://vscode.dev/redirect",
                "http://127.0.0.1/",
            ],
            "token_endpoint_auth_method": "none",
            "application_type": "native",
        },
        {"redirect_uris": ["http://localhost:3118/callback"], "response_types": ["code", "token"]},
        {"redirect_uris": [f"https://client.example/{n}" for n in range(20)]},
    ],
)
def test_the_bodies_of_real_clients_register_with_all_their_redirect_uris(body):
    reply, _ = register(body)
    assert reply["redirect_uris"] == body["redirect_uris"]
    assert reply["response_types"] == ["code"]
