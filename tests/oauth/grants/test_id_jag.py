from dataclasses import replace

import pytest
from oauth.given import DOOR, ISSUER, NOTES, NOW, POLICY, RESOURCE, TWO_DOORS, a_client
from oauth.grants.id_jags import EC, ED, IDP, KEYS, RSA, Forger, Place, claims, header, maced, signed

from doorward.oauth.compact_jws import is_signed, read_compact
from doorward.oauth.errors import InvalidGrant, Reason
from doorward.oauth.grants.id_jag import check_assertion, read_assertion
from doorward.oauth.tokens.opaque import digest
from doorward.oauth.trusted_issuers import TrustedIssuer
from doorward.records.oauth import SeenAssertion

TRUSTED = TrustedIssuer(issuer=IDP, keys=KEYS)
TRUSTING = replace(POLICY, trusted_issuers=(TrustedIssuer(issuer="https://first.example"), TRUSTED))
CLIENT = a_client(token_endpoint_auth_method="client_secret_basic", secret_digest=digest("s"))
PLACE = Place(ISSUER, RESOURCE, "c1", NOW)
HOSTILE = Forger(PLACE).hostile()


def said(**changes):
    return claims(PLACE, **changes)


def checked(text, *, keys=KEYS, client=CLIENT, now=NOW, policy=TRUSTING):
    return check_assertion(read_assertion(text, policy=policy), keys=keys, client=client, now=now, policy=policy)


@pytest.mark.requirement("EMA-01")
def test_a_good_assertion_names_a_person():
    identity = checked(signed(header(), said(scope="read")))
    assert (identity.issuer, identity.subject, identity.scope) == (TRUSTED, "00u1", "read")
    assert identity.user_id == "https://idp.example#00u1"
    assert identity.seen == SeenAssertion(
        assertion_digest=digest(f"id_jag\n{IDP}\nj1"), created_at=NOW, expires_at=NOW + 361
    )


@pytest.mark.parametrize(
    ("head", "key", "more"),
    [
        (header(alg="RS256", kid="rsa"), RSA, {}),
        (header(alg="PS256", kid="rsa"), RSA, {}),
        (header(alg="EdDSA", kid="ed"), ED, {}),
        (header(alg="Ed25519", kid="ed"), ED, {}),
        (header(kid=...), EC, {}),
        (header(x5t="thumbprint"), EC, {}),
        (header(), EC, {"aud": [ISSUER]}),
        (header(), EC, {"resource": [RESOURCE]}),
        (header(), EC, {"resource": f"{RESOURCE}/"}),
        (header(), EC, {"iat": NOW + 60, "exp": NOW + 120, "nbf": NOW + 60}),
        (header(), EC, {"iat": NOW - 359, "exp": NOW - 59}),
        (header(), EC, {"iat": NOW + 0.5, "exp": NOW + 9.5}),
        (header(), EC, {"email": "boss@example.com", "email_verified": True, "unheard_of": {"a": 1}}),
    ],
)
def test_what_honest_providers_do_is_accepted(head, key, more):
    assert checked(signed(head, said(**more), key)).subject == "00u1"


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.requirement("B-10")
@pytest.mark.requirement("EMA-01")
def test_every_hostile_assertion_is_refused_for_its_own_reason(name):
    text, reason = HOSTILE[name]
    with pytest.raises(InvalidGrant) as refused:
        checked(text)
    assert refused.value.reason is Reason[reason]
    assert text not in str(refused.value)


def test_there_are_more_than_forty_of_them():
    assert len(HOSTILE) > 40


@pytest.mark.requirement("B-10", weak=True)
def test_a_verifier_that_believes_the_header_would_let_some_in():
    """A careless check, as libraries have shipped it: the key and the algorithm come from the token itself."""

    def careless(text):
        jws = read_compact(text)
        if jws is None:
            return False
        algorithm = jws.header.get("alg")
        if algorithm == "HS256":
            secret = RSA.as_pem(private=False)
            return maced(dict(jws.header), dict(jws.claims), secret) == text
        key = jws.header.get("jwk") or EC.as_dict(private=False)
        return algorithm == "ES256" and is_signed(jws, key, "ES256")

    fooled = {name for name, (text, _) in HOSTILE.items() if careless(text)}
    assert {"HS256 with the public key", "embedded jwk", "another audience", "expired", "typ JWT"} <= fooled


@pytest.mark.parametrize(
    ("keys", "head"),
    [
        ((), header()),
        (KEYS + KEYS, header()),
        ((KEYS[0], {**KEYS[0], "kid": "ec2"}), header(kid=...)),
        (({**KEYS[0], "alg": "ES512"},), header()),
    ],
)
def test_when_it_is_not_clear_which_key_is_meant_none_is(keys, head):
    with pytest.raises(InvalidGrant) as refused:
        checked(signed(head, said()), keys=keys)
    assert refused.value.reason is Reason.ASSERTION_KEY


def test_an_issuer_speaks_only_to_the_clients_it_was_given():
    issuer = replace(TRUSTED, clients=("c2",))
    with pytest.raises(InvalidGrant) as refused:
        checked(signed(header(), said()), policy=replace(POLICY, trusted_issuers=(issuer,)))
    assert refused.value.reason is Reason.ASSERTION_CLIENT


OTHER = replace(TRUSTED, issuer="https://other.example")
PEOPLE = [
    {"sub": "00u1", "email": "boss@example.com"},
    {"sub": "00u2", "email": "boss@example.com"},
    {"sub": "00u2", "email": "boss@example.com", "email_verified": False},
    {"sub": "00u1", "email": "boss@example.com", "iss": OTHER.issuer},
    {"sub": "00U1", "email": "Boss@example.com"},
    {"sub": "#00u1", "email": "boss@example.com"},
]


def people(name):
    """Return how many different people a way of naming makes of assertions about five."""
    policy = replace(POLICY, trusted_issuers=(TRUSTED, OTHER))
    texts = [signed(header(), said(**each)) for each in PEOPLE]
    return len({name(checked(text, policy=policy), read_compact(text).claims) for text in texts})


@pytest.mark.requirement("B-11")
def test_people_are_told_apart_by_issuer_and_subject():
    assert people(lambda identity, _: identity.user_id) == 5


@pytest.mark.requirement("B-11", weak=True)
@pytest.mark.parametrize(
    "weak", [lambda _, told: told["email"], lambda _, told: told["email"].lower(), lambda identity, _: identity.subject]
)
def test_the_check_finds_names_that_another_person_could_take(weak):
    assert people(weak) < 5


def test_one_jti_of_two_issuers_is_two_assertions():
    other = replace(TRUSTED, issuer="https://other.example")
    policy = replace(POLICY, trusted_issuers=(TRUSTED, other))
    seen = {checked(signed(header(), said(iss=iss)), policy=policy).seen.key for iss in (IDP, "https://other.example")}
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("resource", "door"),
    [(RESOURCE, DOOR), (NOTES.uri, NOTES), (f"{NOTES.uri}/", NOTES), (ISSUER, None), ([RESOURCE, NOTES.uri], None)],
)
@pytest.mark.parametrize("default", ["", "mcp"])
def test_an_assertion_is_for_the_one_door_that_it_names(resource, door, default):
    policy = replace(TRUSTING, resources=TWO_DOORS.resources, default_door=default)
    text = signed(header(), said(resource=resource))
    if door is not None:
        assert checked(text, policy=policy).resource == door
        return
    with pytest.raises(InvalidGrant) as refused:
        checked(text, policy=policy)
    assert refused.value.reason is Reason.ASSERTION_RESOURCE
