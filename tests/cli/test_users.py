"""`doorward users`, run in this process."""

import io

import pytest
from argon2 import PasswordHasher
from cli.stored import add_grant, get, is_over

from doorward.records.accounts import User


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
