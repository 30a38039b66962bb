import json
import tomllib

import pytest

from doorward.config.load import from_keywords, load
from doorward.config.policy import policy_of
from doorward.config.schema import json_schema
from doorward.errors import ConfigError
from doorward.oauth.trusted_issuers import TrustedIssuer

KEY = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "one"}
TOML = """
[[trusted_issuers]]
issuer = "https://idp.example"
jwks_uri = "https://idp.example/keys"
clients = ["c1"]
scopes = ["mcp"]
create_users = false

[[trusted_issuers]]
issuer = "https://other.example/tenant"
jwks = { keys = [{ kty = "OKP", crv = "Ed25519", x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", kid = "one" }] }
"""


def test_the_tables_of_a_file_are_read(tmp_path):
    (tmp_path / "doorward.toml").write_text(TOML)
    config = load({}, {}, tmp_path).config
    assert config.trusted_issuers == (
        TrustedIssuer(
            issuer="https://idp.example",
            jwks_uri="https://idp.example/keys",
            clients=("c1",),
            scopes=("mcp",),
            create_users=False,
        ),
        TrustedIssuer(issuer="https://other.example/tenant", keys=(KEY,)),
    )
    assert policy_of(config).trusted_issuers == config.trusted_issuers


def test_the_variable_holds_them_as_json(tmp_path):
    value = json.dumps([{"issuer": "https://idp.example", "jwks": {"keys": [KEY]}}])
    config = load({}, {"DOORWARD_TRUSTED_ISSUERS": value}, tmp_path).config
    assert config.trusted_issuers == (TrustedIssuer(issuer="https://idp.example", keys=(KEY,)),)


def test_a_python_program_hands_them_over(tmp_path):
    issuer = TrustedIssuer(issuer="https://idp.example", keys=(KEY,))
    assert from_keywords({"trusted_issuers": (issuer,)}, tmp_path).trusted_issuers == (issuer,)


def test_nobody_is_trusted_and_no_device_let_in_unless_it_is_said(tmp_path):
    policy = policy_of(load({}, {}, tmp_path).config)
    assert (policy.trusted_issuers, policy.device_grant) == ((), False)
    assert policy_of(load({}, {"DOORWARD_DEVICE_GRANT": "true"}, tmp_path).config).device_grant


def test_the_schema_knows_the_tables():
    items = json_schema()["properties"]["trusted_issuers"]["items"]
    assert set(tomllib.loads(TOML)["trusted_issuers"][0]) <= set(items["properties"])


GOOD = {"issuer": "https://idp.example", "jwks_uri": "https://idp.example/keys"}


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ([{}], "issuer of a trusted issuer"),
        ([GOOD | {"issuer": 7}], "issuer of a trusted issuer"),
        ([GOOD | {"issuer": "http://idp.example"}], "not https"),
        ([GOOD | {"issuer": "https://idp.example#x"}], "issuer of a trusted issuer"),
        ([GOOD | {"jwks_uri": "http://idp.example/keys"}], "not https"),
        ([{"issuer": "https://idp.example"}], "exactly one"),
        ([GOOD | {"jwks": {"keys": [KEY]}}], "exactly one"),
        ([{"issuer": "https://idp.example", "jwks": {"keys": []}}], "cannot be used"),
        ([{"issuer": "https://idp.example", "jwks": {"keys": [KEY | {"d": "secret"}]}}], "cannot be used"),
        ([GOOD | {"jwks_url": "x"}], "Did you mean jwks_uri"),
        ([GOOD | {"clients": "c1"}], "list of strings"),
        ([GOOD | {"create_users": "no"}], "true or false"),
        ([GOOD, GOOD], "twice"),
        (["https://idp.example"], "not a table"),
        ("https://idp.example", "list of tables"),
    ],
)
def test_a_mistake_is_named(tmp_path, tables, words):
    with pytest.raises(ConfigError) as refused:
        from_keywords({"trusted_issuers": tables}, tmp_path)
    assert words in str(refused.value)


def test_a_variable_that_is_no_json_is_named(tmp_path):
    with pytest.raises(ConfigError, match="not JSON"):
        load({}, {"DOORWARD_TRUSTED_ISSUERS": "https://idp.example"}, tmp_path)
