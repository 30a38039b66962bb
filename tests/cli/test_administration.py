"""The administration commands, run in this process against a database in a directory of its own."""

import asyncio
import io
import json
import sqlite3

import pytest
from argon2 import PasswordHasher

from doorward.cli.main import COMMANDS, run
from doorward.config.settings import catalogue
from doorward.oauth.authorization.consent import consent_id
from doorward.oauth.clients.presets import CLIENT_PRESETS
from doorward.oauth.tokens.opaque import digest
from doorward.records.accounts import HeaderToken, User
from doorward.records.changes import Insert
from doorward.records.oauth import AccessToken, Client, Consent, Grant, RefreshToken
from doorward.storage.opening import open_store


def in_store(tmp_path, operation):
    async def opened():
        store = open_store(None, tmp_path / ".doorward")
        await store.open()
        try:
            return await operation(store)
        finally:
            await store.close()

    return asyncio.run(opened())


def get(tmp_path, record_type, key):
    return in_store(tmp_path, lambda store: store.get(record_type, key))


def add_grant(tmp_path, *, user_id, client_id):
    grant = Grant(
        grant_id=f"grant-{user_id}-{client_id}",
        user_id=user_id,
        client_id=client_id,
        redirect_uri="https://client.example/cb",
        scopes=("mcp",),
        resource="http://127.0.0.1:8000/mcp",
        created_at=1_700_000_000,
    )
    shared = {
        "grant_id": grant.grant_id,
        "client_id": client_id,
        "user_id": user_id,
        "scopes": ("mcp",),
        "resource": grant.resource,
        "created_at": 1_700_000_000,
    }
    access = AccessToken(access_digest=f"a-{grant.grant_id}", **shared)
    refresh = RefreshToken(refresh_digest=f"r-{grant.grant_id}", **shared)
    in_store(tmp_path, lambda store: store.apply([Insert(grant), Insert(access), Insert(refresh)]))
    return grant.grant_id


def is_over(tmp_path, grant_id):
    gone = [get(tmp_path, kind, f"{kind.kind[0]}-{grant_id}") is None for kind in (AccessToken, RefreshToken)]
    return get(tmp_path, Grant, grant_id).record.revoked_at is not None and all(gone)


def test_the_group_shows_the_first_line_of_each_command():
    import importlib

    for name, line in COMMANDS.items():
        command = importlib.import_module(f"doorward.cli.{name}").command
        assert command.help.splitlines()[0] == line


def test_a_token_is_shown_once_and_only_its_digest_is_kept(at, tmp_path):
    made = at("tokens", "create", "--name", "ci", "--json")
    assert made["token"].startswith("dwk_")
    assert made["mcp_url"] == "http://127.0.0.1:8000/mcp"
    stored = get(tmp_path, HeaderToken, digest(made["token"])).record
    assert (stored.user_id, stored.scopes, stored.expires_at) == ("owner", ("mcp",), None)
    (listed,) = at("tokens", "list", "--json")
    assert listed["id"] == made["id"]
    assert made["token"] not in json.dumps(listed)
    assert made["token"] not in at("tokens", "list")


def test_the_first_token_makes_the_owner_and_shows_the_password(at, tmp_path):
    made = at("tokens", "create", "--name", "ci", "--json")
    assert PasswordHasher().verify(get(tmp_path, User, "owner").record.password_hash, made["owner_password"])
    assert "owner_password" not in at("tokens", "create", "--name", "ci", "--json")


def test_a_new_token_comes_with_what_to_paste(at):
    text = at("tokens", "create", "--name", "ci", "--expires", "90d")
    token = next(line.split()[1] for line in text.splitlines() if line.startswith("  token"))
    assert f"-H 'Authorization: Bearer {token}'" in text
    entry = json.loads(text.split("MCP servers:\n")[1].splitlines()[0])
    assert entry["headers"] == {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(("text", "seconds"), [("90d", 7_776_000), ("12h", 43_200), ("1y", 31_536_000), ("30m", 1800)])
def test_a_token_can_expire(at, text, seconds):
    made = at("tokens", "create", "--name", "ci", "--expires", text, "--json")
    assert made["expires_at"] - made["created_at"] == seconds


def test_a_token_is_revoked_by_id_or_by_a_name_that_only_one_has(at):
    first, second = (at("tokens", "create", "--name", "ci", "--json")["id"] for _ in range(2))
    assert "2 tokens have the name" in at("tokens", "revoke", "ci", code=2)
    assert at("tokens", "revoke", first, "--json") == {"revoked": first, "name": "ci"}
    assert second in at("tokens", "revoke", "ci")
    assert at("tokens", "list", "--json") == []
    assert "there is no token" in at("tokens", "revoke", "ci", code=2)


def test_a_token_may_have_fewer_scopes_than_the_door(at, tmp_path):
    (tmp_path / "doorward.toml").write_text('scopes = ["read", "write"]\n')
    assert at("tokens", "create", "--name", "a", "--scope", "read", "--json")["scopes"] == ["read"]
    assert at("tokens", "create", "--name", "b", "--json")["scopes"] == ["read", "write"]


def test_a_service_account_acts_through_tokens_only(at):
    assert at("users", "add", "bot", "--service", "--json")["kind"] == "service"
    assert at("tokens", "create", "--name", "ci", "--user", "bot", "--json")["user"] == "bot"
    assert at("users", "show", "bot", "--json")["header_tokens"] == 1
    assert "service account" in at("users", "password", "bot", code=2)


def test_a_password_is_made_unless_one_is_given(at, tmp_path, monkeypatch):
    made = at("users", "add", "ann", "--json")["password"]
    assert PasswordHasher().verify(get(tmp_path, User, "ann").record.password_hash, made)
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    assert "password" not in at("users", "password", "ann", "--password-stdin", "--json")
    assert PasswordHasher().verify(get(tmp_path, User, "ann").record.password_hash, "correct horse")


@pytest.mark.parametrize("typed", ["", "short\n"])
def test_a_short_password_is_refused(at, monkeypatch, typed):
    at("users", "add", "ann")
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert "too short" in at("users", "password", "ann", "--password-stdin", code=2)
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert "too short" in at("users", "add", "bob", "--password-stdin", code=2)


def test_a_name_is_taken_once(at):
    at("users", "add", "ann")
    assert "already" in at("users", "add", "ann", code=2)
    assert "Did you mean ann?" in at("users", "show", "anne", code=2)
    assert [user["name"] for user in at("users", "list", "--json")] == ["ann"]


@pytest.mark.parametrize("ending", ["disable", "remove"])
def test_ending_an_account_ends_what_it_allowed(at, tmp_path, ending):
    at("users", "add", "ann")
    at("users", "add", "bob")
    mine = add_grant(tmp_path, user_id="ann", client_id="client-1")
    other = add_grant(tmp_path, user_id="bob", client_id="client-1")
    at("tokens", "create", "--name", "ci", "--user", "ann")
    at("users", ending, "ann")
    assert is_over(tmp_path, mine)
    assert not is_over(tmp_path, other)
    assert at("tokens", "list", "--json") == []
    assert ("ann" in {user["name"] for user in at("users", "list", "--json")}) == (ending == "disable")


def test_a_disabled_account_gets_no_token_until_it_is_enabled(at):
    at("users", "add", "ann")
    at("users", "disable", "ann")
    assert "is disabled" in at("tokens", "create", "--name", "x", "--user", "ann", code=2)
    at("users", "enable", "ann")
    at("tokens", "create", "--name", "x", "--user", "ann")


def test_the_owner_is_locked_rather_than_removed(at):
    at("tokens", "create", "--name", "ci")
    assert "doorward users disable owner" in at("users", "remove", "owner", code=2)


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


def test_grants_are_listed_and_revoked(at, tmp_path):
    at("users", "add", "ann")
    first = add_grant(tmp_path, user_id="ann", client_id="c1")
    second = add_grant(tmp_path, user_id="bob", client_id="c1")
    assert [grant["grant_id"] for grant in at("grants", "list", "--user", "ann", "--json")] == [first]
    assert [grant["door"] for grant in at("grants", "list", "--client", "c1", "--json")] == ["mcp", "mcp"]
    assert at("grants", "revoke", first, "--json") == {"revoked": first, "was_live": True}
    assert at("grants", "revoke", first, "--json") == {"revoked": first, "was_live": False}
    assert is_over(tmp_path, first)
    assert [grant["grant_id"] for grant in at("grants", "list", "--json")] == [second]
    assert len(at("grants", "list", "--all", "--json")) == 2
    assert "there is no grant" in at("grants", "revoke", "nothing", code=2)


def test_consents_are_listed_and_withdrawn_with_their_grant(at, tmp_path):
    at("users", "add", "ann")
    grant_id = add_grant(tmp_path, user_id="ann", client_id="c1")
    place = {"user_id": "ann", "client_id": "c1", "redirect_uri": "https://client.example/cb"}
    place["resource"] = "http://127.0.0.1:8000/mcp"
    consent = Consent(
        consent_id=consent_id(**place), **place, scopes=("mcp",), description_digest="x", created_at=1, given_at=2
    )
    in_store(tmp_path, lambda store: store.apply([Insert(consent)]))
    (listed,) = at("grants", "consents", "--user", "ann", "--json")
    assert listed["scopes"] == ["mcp"]
    assert listed["given_at"] == 2
    assert "https://client.example/cb" in at("grants", "consents")
    assert at("grants", "consents", "--client", "c2", "--json") == []
    at("grants", "revoke", grant_id)
    assert "There are no consents." in at("grants", "consents")


def test_the_database_is_described_and_purged(at, tmp_path):
    at("users", "add", "ann")
    in_store(
        tmp_path,
        lambda store: store.apply([Insert(Client(client_id="c", source="dynamic", created_at=1, expires_at=2))]),
    )
    status = at("db", "status", "--json")
    assert status["path"] == str(tmp_path / ".doorward" / "doorward.sqlite")
    assert (status["records"]["user"], status["records"]["client"]) == (1, 1)
    with sqlite3.connect(status["path"]) as connection:
        assert status["schema_version"] == connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    assert at("db", "purge", "--json") == {"removed": 1, "audit_entries_removed": 0}
    assert "  user" in at("db", "status")


def test_the_settings_are_shown_with_their_origins_and_without_secrets(at, tmp_path):
    (tmp_path / "doorward.toml").write_text('owner_password = "hunter2hunter2"\nport = 9000\ntarget = ["npx", "a b"]\n')
    shown = at("config", "show", "--json")
    assert set(shown) == set(catalogue())
    assert shown["port"] == {"value": "9000", "origin": "port in doorward.toml"}
    assert shown["owner_password"] == {"value": "***", "origin": "owner_password in doorward.toml"}
    assert shown["target"]["value"] == "-- npx 'a b'"
    assert shown["token_header"] == {"value": None, "origin": "default"}
    assert "hunter2" not in at("config", "show")


@pytest.mark.parametrize(
    "settings",
    [
        'target = "https://mcp.example/mcp?key=hunter2&hunter2"',
        'target = "https://mcp.example/mcp?key=hunter2&plain=hunter2"',
        """target = ["npx", "mcp-remote", "https://u:hunter2@mcp.example/mcp?key=hunter2'hunter2"]""",
        'database = "postgresql://u:hunter2@mcp.example/db?sslmode=require"',
    ],
)
def test_the_settings_are_shown_without_the_credentials_of_their_urls(at, tmp_path, settings):
    (tmp_path / "doorward.toml").write_text(settings + "\n")
    for shown in (at("config", "show"), at("config", "show", "--json")):
        assert "mcp.example" in str(shown)
        assert "hunter2" not in str(shown)


def test_the_settings_are_checked(at, tmp_path):
    assert at("config", "check", "--json") == {"good": True, "problems": []}
    (tmp_path / "doorward.toml").write_text("prot = 1\nport = 70000\n")
    assert run(["config", "check"]) == 2


def test_a_check_as_json_lists_every_fault(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "doorward.toml").write_text("prot = 1\nport = 70000\n")
    assert run(["config", "check", "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert not found["good"]
    assert [problem["where"] for problem in found["problems"]] == ["prot in doorward.toml", "port in doorward.toml"]


def test_the_schema_is_printed(at):
    assert "public_url" in json.loads(at("config", "schema"))["properties"]


TWO_DOORS = """
public_url = "https://mcp.example.com"
default_door = "notes"

[doors.jobs]
target = "http://127.0.0.1:9/mcp"

[doors.notes]
target = "http://127.0.0.1:9/mcp"
scopes = ["notes"]
"""


def test_a_new_client_comes_with_the_url_of_every_door(at, tmp_path):
    (tmp_path / "doorward.toml").write_text(TWO_DOORS)
    doors = {name: f"https://mcp.example.com/{name}/mcp" for name in ("jobs", "notes")}
    made = at("clients", "add", "--preset", "claude", "--json")
    assert made["doors"] == doors
    assert made["mcp_url"] == doors["notes"]
    text = at("clients", "add", "--preset", "claude")
    assert all(f"MCP URL of {name}" in text for name in doors)
    assert all(url in text for url in doors.values())
