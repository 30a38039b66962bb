"""What follows from the doors of an installation: the default one, its scopes, and where a header token is good."""

from __future__ import annotations

import pytest

from doorward.oauth.policy import Policy, Resource, by_uri

ONE = Resource("https://d.example/one/mcp", "one", ("read",), ("write", "read"))
TWO = Resource("https://d.example/two/mcp", "two", ("read", "notes"))
TOKENS_ONLY = Resource("https://d.example/three/mcp", "three", ("three",), takes_access_tokens=False)


def of(*doors: Resource, default: str = "") -> Policy:
    return Policy("https://d.example/tools", by_uri(*doors), default)


@pytest.mark.parametrize(
    ("doors", "default", "found"),
    [
        ((), "", None),
        ((ONE,), "", ONE),
        ((ONE, TWO), "", None),
        ((ONE, TWO), "two", TWO),
        ((ONE, TWO), "gone", None),
        ((ONE, TOKENS_ONLY), "", ONE),
        ((TOKENS_ONLY,), "", TOKENS_ONLY),
        ((ONE, TOKENS_ONLY), "three", TOKENS_ONLY),
    ],
)
def test_a_client_that_names_no_resource_gets_the_default_door_or_has_to_name_one(doors, default, found):
    assert of(*doors, default=default).default_resource == found


def test_nothing_is_granted_for_a_door_that_takes_header_tokens_alone():
    assert of(ONE, TOKENS_ONLY, TWO).granting == (ONE, TWO)


@pytest.mark.parametrize(
    ("door", "default", "good_at"),
    [
        ("one", "", ["one"]),
        ("one", "two", ["one"]),
        ("", "two", ["two"]),
        ("", "", ["one", "two"]),
        ("gone", "", []),
    ],
)
def test_a_header_token_is_good_at_its_door_alone(door, default, good_at):
    policy = of(ONE, TWO, default=default)
    assert [each.name for each in policy.doors_of_header_token(door)] == good_at
    assert [each.name for each in (ONE, TWO) if policy.opens(door, each.name)] == good_at


def test_scopes_are_listed_once_and_those_of_all_calls_first():
    assert ONE.all_scopes == ("read", "write", "read")
    assert of(ONE, TWO).door_scopes == ("read", "notes")
    assert of(ONE, TWO).all_scopes == ("read", "notes", "write")


def test_a_door_is_named_by_its_uri_as_long_as_it_exists():
    assert of(ONE).door_name(ONE.uri) == "one"
    assert of(ONE).door_name(TWO.uri) == ""


def test_addresses_lie_below_the_path_of_the_issuer():
    policy = of(ONE)
    assert (policy.origin, policy.base_path) == ("https://d.example", "/tools")
    assert policy.url_of("/token") == "https://d.example/tools/token"
