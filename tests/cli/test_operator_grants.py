"""What an operator gives a client from the command line."""

import pytest

from doorward.oauth.grant_types import CLIENT_CREDENTIALS, DEVICE_CODE, JWT_BEARER, TOKEN_EXCHANGE


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
