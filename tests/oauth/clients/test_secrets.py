"""A secret and the one before it: which is good when."""

import pytest
from oauth.given import NOW, a_client

from doorward.oauth.clients.authentication import PresentedClient, authenticate
from doorward.oauth.clients.secrets import is_secret_of, with_new_secret
from doorward.oauth.errors import InvalidClient, Reason
from doorward.oauth.tokens.opaque import digest
from doorward.records.oauth import Client

FIRST = a_client(token_endpoint_auth_method="client_secret_basic", secret_digest=digest("one"))


def rotated(*overlaps: int) -> Client:
    client = FIRST
    for secret, overlap in zip(("two", "three"), overlaps, strict=False):
        client = with_new_secret(client, secret, now=NOW, overlap_seconds=overlap)
    return client


@pytest.mark.requirement("F-08")
@pytest.mark.parametrize(
    ("client", "after", "good"),
    [
        (FIRST, 0, {"one"}),
        (rotated(60), 0, {"one", "two"}),
        (rotated(60), 59, {"one", "two"}),
        (rotated(60), 60, {"two"}),
        (rotated(0), 0, {"two"}),
        (rotated(60, 60), 0, {"two", "three"}),
        (rotated(60, 0), 0, {"three"}),
        (rotated(0, 60), 0, {"two", "three"}),
        (a_client(), 0, set()),
        (a_client(secret_digest=digest("two"), earlier_secret_digest=digest("one")), 0, {"two"}),
        (a_client(secret_digest=digest("two"), earlier_secret_until=NOW + 9), 0, {"two"}),
    ],
)
@pytest.mark.requirement("T-05")
def test_at_most_two_secrets_are_good_and_the_earlier_one_until_its_time(client, after, good):
    presented = ("one", "two", "three", "", digest("one"))
    assert {each for each in presented if is_secret_of(client, each, now=NOW + after)} == good


def test_authentication_takes_either_secret_until_the_overlap_ends():
    earlier = PresentedClient("c1", "one", "client_secret_basic")
    assert authenticate(rotated(60), earlier, now=NOW + 59)
    with pytest.raises(InvalidClient) as refused:
        authenticate(rotated(60), earlier, now=NOW + 60)
    assert refused.value.reason is Reason.WRONG_SECRET
