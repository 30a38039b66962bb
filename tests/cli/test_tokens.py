"""`doorward tokens`, run in this process."""

import json

import pytest
from argon2 import PasswordHasher
from cli.stored import get

from doorward.oauth.tokens.opaque import digest
from doorward.records.accounts import HeaderToken, User


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
    entry = json.loads(text.split("configuration file:\n")[1].splitlines()[0])
    assert entry["headers"] == {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("public_url", ["https://mcp.example.com", "https://mcp.example.com/team"])
def test_a_new_token_for_administration_comes_with_an_address_that_is_served(at, monkeypatch, public_url):
    monkeypatch.setenv("DOORWARD_PUBLIC_URL", public_url)
    text = at("tokens", "create", "--name", "ops", "--capability", "admin:read")
    assert f"curl {public_url}/-/api/v1/clients -H" in text
    assert at("tokens", "create", "--name", "ci", "--json")["mcp_url"] == f"{public_url}/mcp"


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
