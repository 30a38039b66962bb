"""`doorward clients add --jwks FILE` and `--jwks-uri URL`."""

from __future__ import annotations

import json

import pytest
from joserfc.jwk import ECKey

KEY = ECKey.generate_key("P-256", {"kid": "one"}, private=True)
ADD = ("clients", "add", "--name", "Robot", "--redirect-uri", "https://robot.example/cb")


def test_a_client_is_registered_with_its_keys_and_gets_no_secret(at, tmp_path):
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [KEY.as_dict(private=False)]}))
    text = at(*ADD, "--jwks", "jwks.json")
    assert "It signs with its own key." in text
    assert "dws_" not in text
    (client,) = at("clients", "list", "--json")
    assert client["token_endpoint_auth_method"] == "private_key_jwt"


def test_a_client_is_registered_with_the_address_of_its_keys(at):
    made = at(*ADD, "--jwks-uri", "https://robot.example/jwks.json", "--json")
    assert (made["token_endpoint_auth_method"], made["client_secret"]) == ("private_key_jwt", None)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (json.dumps({"keys": [KEY.as_dict(private=True)]}), "Treat it as stolen"),
        (json.dumps({"keys": []}), "no public key"),
        ("-----BEGIN PUBLIC KEY-----", "cannot be read"),
    ],
)
def test_a_file_that_holds_no_public_keys_is_refused(at, tmp_path, content, expected):
    (tmp_path / "jwks.json").write_text(content)
    assert expected in at(*ADD, "--jwks", "jwks.json", code=2)


def test_keys_are_published_over_https(at):
    assert "https" in at(*ADD, "--jwks-uri", "http://robot.example/jwks.json", code=2)
