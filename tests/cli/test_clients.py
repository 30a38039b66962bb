"""`doorward clients`, run in this process."""

import json

import pytest
from cli.stored import add_grant, get, in_store, is_over

from doorward.oauth.clients.presets import CLIENT_PRESETS
from doorward.oauth.grant_types import CLIENT_CREDENTIALS, DEVICE_CODE, JWT_BEARER, TOKEN_EXCHANGE
from doorward.oauth.tokens.opaque import digest
from doorward.records.changes import Insert
from doorward.records.oauth import Client


@pytest.fixture
def robot(at):
    at("users", "add", "robot", "--service")


def test_a_client_is_bound_to_a_service_account(at, robot):
    added = at("clients", "add", "--service-account", "robot", "--name", "Nightly", "--scope", "mcp", "--json")
    assert added["client_secret"].startswith("dws_")
    assert (added["grant_types"], added["service_account"]) == ([CLIENT_CREDENTIALS], "robot")
    assert (added["redirect_uris"], added["scope"]) == ([], "mcp")
    assert "robot" in at("clients", "show", added["client_id"])


@pytest.mark.parametrize(
    ("arguments", "grant_types"),
    [
        (["--grant", "client_credentials", "--service-account", "robot"], [CLIENT_CREDENTIALS]),
        (["--grant", "jwt_bearer"], [JWT_BEARER]),
        (["--grant", "token_exchange", "--may-exchange"], [TOKEN_EXCHANGE]),
        (["--grant", "device_code", "--public"], ["refresh_token", DEVICE_CODE]),
        (
            ["--grant", "token_exchange", "--redirect-uri", "https://client.example/cb"],
            ["authorization_code", "refresh_token", TOKEN_EXCHANGE],
        ),
    ],
)
def test_each_grant_is_given_by_its_word(at, robot, arguments, grant_types):
    assert at("clients", "add", *arguments, "--json")["grant_types"] == grant_types


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--service-account", "owner"], "is a person"),
        (["--service-account", "robto"], "Did you mean robot?"),
        (["--service-account", "robot", "--public"], "with a secret"),
        (["--grant", "client_credentials"], "needs a service account"),
        (["--grant", "jwt_bearer", "--public"], "with a secret"),
        (["--grant", "jwt_bearer", "--may-exchange"], "token_exchange"),
        (["--grant", "token_exchange", "--may-exchange", "--public"], "without a secret"),
        ([], "--redirect-uri"),
    ],
)
def test_what_makes_no_sense_is_said(at, robot, arguments, words):
    at("tokens", "create", "--name", "makes-the-owner")
    assert words in at("clients", "add", *arguments, code=2)


@pytest.mark.parametrize("preset", list(CLIENT_PRESETS))
def test_every_preset_can_be_registered_and_says_where_to_paste(at, tmp_path, preset):
    text = at("clients", "add", "--preset", preset)
    assert all(uri in text for uri in CLIENT_PRESETS[preset].redirect_uris)
    assert ("dws_" in text) == CLIENT_PRESETS[preset].confidential
    (listed,) = at("clients", "list", "--json")
    assert listed["client_id"] in text
    assert listed["source"] == "registered"
    assert CLIENT_PRESETS[preset].title in text.splitlines()[0]
    assert text.splitlines()[-1].strip()
    assert "{" not in CLIENT_PRESETS[preset].where_to_paste.format(url="u", client_id="i", name="n").replace(
        '{"', ""
    ).replace("{'", "")


def test_a_client_secret_is_shown_once_and_only_its_digest_is_kept(at, tmp_path):
    made = at("clients", "add", "--redirect-uri", "https://client.example/cb", "--name", "Mine", "--json")
    stored = get(tmp_path, Client, made["client_id"]).record
    assert stored.secret_digest == digest(made["client_secret"])
    assert made["client_secret"] not in json.dumps(at("clients", "show", made["client_id"], "--json"))
    assert (stored.client_name, stored.expires_at) == ("Mine", None)


def test_a_secret_is_rotated_by_name_with_the_overlap_that_was_asked_for(at, tmp_path):
    made = at("clients", "add", "--redirect-uri", "https://client.example/cb", "--name", "Mine", "--json")
    new = at("clients", "rotate-secret", "Mine", "--overlap", "7d", "--json")
    stored = get(tmp_path, Client, made["client_id"]).record
    assert stored.secret_digest == digest(new["client_secret"])
    assert stored.earlier_secret_digest == digest(made["client_secret"])
    assert stored.earlier_secret_until == new["earlier_secret_until"]
    assert "earlier secret until" in at("clients", "show", made["client_id"])
    text = at("clients", "rotate-secret", made["client_id"], "--overlap", "0")
    assert "no longer good" in text
    assert get(tmp_path, Client, made["client_id"]).record.secret_digest in map(digest, text.split())
    assert "good until" in at("clients", "rotate-secret", "Mine")
    for wrong in ("91d", "never", "soon", "-1h"):
        assert "verlap" in at("clients", "rotate-secret", "Mine", "--overlap", wrong, code=2)


def test_a_preset_can_be_made_public_and_be_given_more_redirect_uris(at):
    made = at("clients", "add", "--preset", "claude", "--public", "--redirect-uri", "https://x.example/cb", "--json")
    assert made["client_secret"] is None
    assert made["token_endpoint_auth_method"] == "none"
    assert made["redirect_uris"][-1] == "https://x.example/cb"


def test_removing_a_client_ends_its_grants(at, tmp_path):
    client_id = at("clients", "add", "--preset", "cursor", "--json")["client_id"]
    mine = add_grant(tmp_path, user_id="ann", client_id=client_id)
    other = add_grant(tmp_path, user_id="ann", client_id="client-2")
    assert at("clients", "remove", client_id, "--json") == {"removed": client_id, "grants_ended": 1}
    assert is_over(tmp_path, mine)
    assert not is_over(tmp_path, other)
    assert "there is no client" in at("clients", "remove", client_id, code=2)


def test_a_client_named_by_its_name_is_pointed_to_its_id(at):
    client_id = at("clients", "add", "--preset", "cursor", "--json")["client_id"]
    assert f"Did you mean {client_id}?" in at("clients", "show", "Cursor", code=2)


def test_a_resource_server_needs_no_redirect_uri_but_a_secret(at, tmp_path):
    made = at("clients", "add", "--introspect", "--name", "API", "--json")
    assert made["may_introspect"] is True
    assert made["grant_types"] == made["redirect_uris"] == []
    assert get(tmp_path, Client, made["client_id"]).record.may_introspect
    assert "cannot ask about tokens" in at("clients", "add", "--introspect", "--public", code=2)


def test_clients_that_registered_themselves_are_listed_on_request(at, tmp_path):
    at("clients", "add", "--preset", "cursor")
    evil = Client(client_id="d1", source="dynamic", created_at=1, client_name="evil\x1b[2J\nname")
    in_store(tmp_path, lambda store: store.apply([Insert(evil)]))
    assert len(at("clients", "list", "--json")) == 1
    assert len(at("clients", "list", "--all", "--json")) == 2
    text = at("clients", "list", "--all")
    assert "\x1b" not in text
    assert len(text.splitlines()) == 3
