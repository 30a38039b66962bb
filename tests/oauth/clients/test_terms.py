"""The terms that a consent was given for."""

import pytest
from oauth.given import a_client

from doorward.oauth.clients.terms import still_hold, terms, with_earlier_use


def test_the_order_of_redirect_uris_does_not_matter():
    both = a_client(redirect_uris=("https://a.example/", "https://b.example/"))
    assert still_hold(terms(both), a_client(redirect_uris=("https://b.example/", "https://a.example/")))


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uris": ("https://other.example/cb",)},
        {"redirect_uris": ()},
        {"token_endpoint_auth_method": "private_key_jwt"},
    ],
)
def test_a_consent_ends_with_the_terms_that_it_was_given_for(changes):
    seen = terms(a_client())
    assert still_hold(seen, a_client(client_name="Another name"))
    assert not still_hold(seen, a_client(**changes))


def test_a_record_of_an_older_release_has_no_terms_and_holds():
    assert still_hold("", a_client(redirect_uris=("https://other.example/cb",)))


def test_addresses_that_were_used_are_kept_only_under_the_same_terms():
    before = a_client(used_redirect_uris=("https://client.example/callback",))
    renamed = a_client(client_name="Another name")
    assert with_earlier_use(renamed, before).used_redirect_uris == before.used_redirect_uris
    assert with_earlier_use(renamed, before).client_name == "Another name"
    assert with_earlier_use(a_client(redirect_uris=("https://other.example/cb",)), before).used_redirect_uris == ()
    assert with_earlier_use(renamed, None).used_redirect_uris == ()
