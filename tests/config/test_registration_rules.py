"""Who may register a client, and whose documents about clients are accepted."""

import pytest

from doorward.config.load import load
from doorward.config.policy import policy_of
from doorward.errors import ConfigError
from doorward.oauth.tokens.opaque import digest

TOKEN = "an-initial-access-token"


def fault(tmp_path, **flags) -> str:
    with pytest.raises(ConfigError) as caught:
        load(flags, {}, tmp_path)
    (problem,) = caught.value.problems
    return str(problem)


def test_everybody_may_register_and_describe_themselves_unless_somebody_says_otherwise(tmp_path):
    policy = policy_of(load({}, {}, tmp_path).config)
    assert (policy.registration, policy.metadata_document_hosts) == ("open", ("*",))
    assert (policy.unused_clients_limit, policy.metadata_document_limit_bytes) == (50_000, 5120)


def test_several_initial_access_tokens_may_be_good_at_once(tmp_path):
    environment = {"DOORWARD_REGISTRATION": "token", "DOORWARD_REGISTRATION_TOKEN": f"{TOKEN} {TOKEN}-2"}
    config = load({}, environment, tmp_path).config
    assert TOKEN not in repr(config)
    assert policy_of(config).registration_tokens == {digest(TOKEN), digest(f"{TOKEN}-2")}


def test_a_list_of_hosts_has_one_spelling(tmp_path):
    config = load({}, {"DOORWARD_METADATA_DOCUMENT_HOSTS": "*,!Evil.example,!evil.example"}, tmp_path).config
    assert config.metadata_document_hosts == ("*", "!evil.example")


def test_redirect_hosts_reach_the_policy(tmp_path):
    assert policy_of(load({}, {}, tmp_path).config).registration_redirect_hosts == ("*",)
    config = load({"registration_redirect_hosts": ["*.Example.com", "!loopback"]}, {}, tmp_path).config
    assert policy_of(config).registration_redirect_hosts == ("*.example.com", "!loopback")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"registration": "token"}, "none is set"),
        ({"registration": "closed"}, "closed"),
        ({"registration": "token", "registration_token": "short"}, "too short"),
        ({"registration": "token", "registration_token": f"{TOKEN} short"}, "too short"),
        ({"metadata_document_hosts": ["https://client.example"]}, "is not a host"),
        ({"metadata_document_hosts": ["client.example/path"]}, "is not a host"),
        ({"metadata_document_hosts": ["client.*.example"]}, "is not a host"),
        ({"metadata_document_hosts": ["!evil.example"]}, "none accepted"),
        ({"registration_redirect_hosts": ["https://client.example/cb"]}, "is not a host"),
        ({"registration_redirect_hosts": ["!loopback"]}, "none accepted"),
        ({"metadata_document_limit_bytes": 1023}, "out of range"),
        ({"metadata_document_limit_bytes": 65_537}, "out of range"),
        ({"unused_clients_limit": 99}, "out of range"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, flags, expected):
    text = fault(tmp_path, **flags)
    assert expected in text
    assert "short" not in text.replace("too short", "")
