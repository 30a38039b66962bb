import base64
import json

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from oauth.given import ISSUER, NOW, POLICY, a_client

from doorward.oauth.clients.assertion import ASSERTION_TYPE, check_assertion, read_assertion
from doorward.oauth.clients.authentication import PresentedClient, authenticate, presented_client, prove
from doorward.oauth.clients.keys import read_jwks, stored_keys
from doorward.oauth.errors import InvalidClient, InvalidRequest, Reason

EC = ECKey.generate_key("P-256", {"kid": "ec"}, private=True)
EC_2 = ECKey.generate_key("P-256", {"kid": "ec-2"}, private=True)
RSA = RSAKey.generate_key(2048, {"kid": "rsa"}, private=True)
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"}, private=True)
JWKS = read_jwks({"keys": [key.as_dict(private=False) for key in (EC, EC_2, RSA, ED)]})
KEYS = stored_keys(JWKS)
CLIENT = a_client(token_endpoint_auth_method="private_key_jwt", jwks=JWKS)
CLAIMS = {"iss": "c1", "sub": "c1", "aud": ISSUER, "exp": NOW + 60, "iat": NOW, "jti": "one"}


def plain(value) -> str:
    """A name for a case that is the same in every process; signatures and keys are not."""
    return value.value if isinstance(value, Reason) else type(value).__name__


def part(value) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(key=EC, alg="ES256", header=None, **claims) -> str:
    payload = {name: value for name, value in (CLAIMS | claims).items() if value != "-"}
    protected = {"alg": alg, "kid": key.kid} | (header or {})
    protected = {name: value for name, value in protected.items() if value != "-"}
    signing_input = f"{part(protected)}.{part(payload)}"
    # RFC 9864 renames EdDSA over this curve; clients use both names.
    model = JWSRegistry.algorithms["Ed25519" if alg == "EdDSA" else alg]
    return f"{signing_input}.{part(model.sign(signing_input.encode(), key))}"


def check(compact: str, client=CLIENT, now=NOW, keys=KEYS):
    return check_assertion(read_assertion(ASSERTION_TYPE, compact), client=client, keys=keys, now=now, policy=POLICY)


@pytest.mark.requirement("RFC7523-3")
@pytest.mark.parametrize(
    "compact",
    [
        signed(),
        signed(RSA, "RS256"),
        signed(RSA, "PS256"),
        signed(ED, "EdDSA"),
        signed(ED, "Ed25519"),
        signed(header={"kid": "-"}),
        signed(EC_2, header={"kid": "-"}),
        signed(header={"typ": "JWT"}),
        signed(header={"typ": "client-authentication+jwt"}),
        signed(aud=f"{ISSUER}/token"),
        signed(aud=[ISSUER]),
        signed(aud=[ISSUER, f"{ISSUER}/token"]),
        signed(aud=f"{ISSUER}/par"),
        signed(exp=NOW + 300.5),
        signed(exp=NOW - 29),
        signed(iat="-"),
        signed(iat=NOW + 30, nbf=NOW + 30),
    ],
    ids=plain,
)
def test_a_good_assertion_is_accepted_and_named_by_its_id(compact):
    seen = check(compact)
    assert seen.expires_at > NOW
    assert seen.assertion_digest == check(signed(ED, "EdDSA")).assertion_digest


def test_an_id_counts_for_one_client_and_outlives_the_assertion():
    other = a_client(client_id="c2", token_endpoint_auth_method="private_key_jwt", jwks=JWKS)
    foreign = check(signed(iss="c2", sub="c2"), client=other)
    assert foreign.assertion_digest != check(signed()).assertion_digest
    assert check(signed(jti="two")).assertion_digest != check(signed()).assertion_digest
    seen = check(signed(exp=NOW + 60))
    assert seen.expires_at > NOW + 60 + 30  # until then the clock's tolerance would accept it again


TWICE = b'{"alg":"ES256","alg":"none"}'
NONE = f"{part({'alg': 'none'})}.{part(CLAIMS)}.{part(b'x')}"
MAC_WITH_THE_PUBLIC_KEY = signed(OctKey.import_key(JWKS.encode()), "HS256", {"kid": "ec"})
STRANGER = ECKey.generate_key("P-256", {"kid": "ec"}, private=True)


@pytest.mark.requirement("RFC7523-3")
@pytest.mark.parametrize(
    ("compact", "reason"),
    [
        ("", Reason.ASSERTION_MALFORMED),
        ("a.b", Reason.ASSERTION_MALFORMED),
        ("a.b.c.d.e", Reason.ASSERTION_MALFORMED),
        ("x.y.z", Reason.ASSERTION_MALFORMED),
        (signed() + "=", Reason.ASSERTION_MALFORMED),
        (signed() + "\n", Reason.ASSERTION_MALFORMED),
        (signed(pad="x" * 9000), Reason.ASSERTION_MALFORMED),
        (f"{part([])}.{part(CLAIMS)}.{part(b'x')}", Reason.ASSERTION_MALFORMED),
        (f"{part(b'{')}.{part(CLAIMS)}.{part(b'x')}", Reason.ASSERTION_MALFORMED),
        (f"{part(b'[' * 5000)}.{part(CLAIMS)}.{part(b'x')}", Reason.ASSERTION_MALFORMED),
        (f"{part({'alg': 'ES256', 'crit': ['b64']})}.{part(CLAIMS)}.{part(b'x')}", Reason.ASSERTION_MALFORMED),
        (f"{part(TWICE)}.{part(CLAIMS)}.{part(b'x')}", Reason.ASSERTION_MALFORMED),
        (signed(header={"typ": "dpop+jwt"}), Reason.ASSERTION_MALFORMED),
        (signed(header={"typ": "at+jwt"}), Reason.ASSERTION_MALFORMED),
        (signed(iss="c2"), Reason.ASSERTION_MALFORMED),
        (signed(sub=1), Reason.ASSERTION_MALFORMED),
        (signed(sub="-"), Reason.ASSERTION_MALFORMED),
        (NONE, Reason.ASSERTION_ALGORITHM),
        (MAC_WITH_THE_PUBLIC_KEY, Reason.ASSERTION_ALGORITHM),
        (f"{part({'alg': ['ES256']})}.{part(CLAIMS)}.{part(b'x')}", Reason.ASSERTION_ALGORITHM),
        (signed(iss="c2", sub="c2"), Reason.CLIENT_ID_MISMATCH),
        (signed(STRANGER), Reason.ASSERTION_SIGNATURE),
        (signed(STRANGER, header={"kid": "-"}), Reason.ASSERTION_SIGNATURE),
        (signed(STRANGER, header={"jwk": STRANGER.as_dict(private=False)}), Reason.ASSERTION_SIGNATURE),
        (signed(header={"kid": "rsa"}), Reason.ASSERTION_SIGNATURE),
        (signed(header={"kid": "unknown"}), Reason.ASSERTION_SIGNATURE),
        (signed().rpartition(".")[0] + "." + part(b"\0" * 64), Reason.ASSERTION_SIGNATURE),
        (signed().rpartition(".")[0] + "." + part(b"\0"), Reason.ASSERTION_SIGNATURE),
        (signed(aud="https://other.example"), Reason.ASSERTION_AUDIENCE),
        (signed(aud=[ISSUER, "https://other.example"]), Reason.ASSERTION_AUDIENCE),
        (signed(aud=[]), Reason.ASSERTION_AUDIENCE),
        (signed(aud="-"), Reason.ASSERTION_AUDIENCE),
        (signed(aud={ISSUER: 1}), Reason.ASSERTION_AUDIENCE),
        (signed(aud=f"{ISSUER}/"), Reason.ASSERTION_AUDIENCE),
        (signed(exp="-"), Reason.ASSERTION_EXPIRED),
        (signed(exp=NOW - 30), Reason.ASSERTION_EXPIRED),
        (signed(exp=NOW + 3631), Reason.ASSERTION_LIFETIME),
        (signed(exp=1 << 41), Reason.ASSERTION_MALFORMED),
        (signed(exp=str(NOW + 60)), Reason.ASSERTION_MALFORMED),
        (signed(exp=True), Reason.ASSERTION_MALFORMED),
        (signed(iat=NOW + 31), Reason.ASSERTION_EARLY),
        (signed(nbf=NOW + 31), Reason.ASSERTION_EARLY),
        (signed(jti="-"), Reason.ASSERTION_MALFORMED),
        (signed(jti=""), Reason.ASSERTION_MALFORMED),
        (signed(jti=1), Reason.ASSERTION_MALFORMED),
    ],
    ids=plain,
)  # fmt: skip
def test_any_other_assertion_is_refused(compact, reason):
    with pytest.raises(InvalidClient) as refused:
        check(compact)
    assert refused.value.reason is reason


def test_a_key_that_is_no_point_of_the_curve_verifies_nothing():
    broken = [{"kty": "EC", "crv": "P-256", "kid": "ec", "x": "AQ", "y": "AQ"}]
    with pytest.raises(InvalidClient) as refused:
        check(signed(), keys=broken)
    assert refused.value.reason is Reason.ASSERTION_SIGNATURE


def test_only_the_registered_type_of_assertion_is_read():
    for other in (None, "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"):
        with pytest.raises(InvalidClient) as refused:
            read_assertion(other, signed())
        assert refused.value.reason is Reason.ASSERTION_MALFORMED


def form(**changes):
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed()} | changes


def test_the_assertion_names_the_client():
    for fields in ({}, {"client_id": "c1"}):
        presented = presented_client(None, form(**fields))
        assert (presented.client_id, presented.method, presented.client_secret) == ("c1", "private_key_jwt", None)
        assert signed().rpartition(".")[0] not in repr(presented)
        client, _ = prove(CLIENT, presented, keys=KEYS, now=NOW, policy=POLICY)
        assert client is CLIENT


@pytest.mark.parametrize(
    ("authorization", "fields", "reason"),
    [
        ("Basic YzE6cw==", {}, Reason.TWO_CLIENT_AUTHENTICATIONS),
        (None, {"client_secret": "s"}, Reason.TWO_CLIENT_AUTHENTICATIONS),
        (None, {"client_id": "c2"}, Reason.CLIENT_ID_MISMATCH),
    ],
)
def test_an_assertion_stands_alone(authorization, fields, reason):
    with pytest.raises(InvalidRequest) as refused:
        presented_client(authorization, form(**fields))
    assert refused.value.reason is reason


@pytest.mark.parametrize(
    ("client", "reason"),
    [
        (None, Reason.UNKNOWN_CLIENT),
        (a_client(jwks=JWKS), Reason.WRONG_AUTH_METHOD),
        (a_client(token_endpoint_auth_method="client_secret_post", jwks=JWKS), Reason.WRONG_AUTH_METHOD),
        (a_client(token_endpoint_auth_method="private_key_jwt", jwks=JWKS, expires_at=NOW), Reason.EXPIRED_CLIENT),
    ],
    ids=plain,
)
def test_an_assertion_proves_only_a_live_client_that_registered_the_method(client, reason):
    with pytest.raises(InvalidClient) as refused:
        prove(client, presented_client(None, form()), keys=KEYS, now=NOW, policy=POLICY)
    assert refused.value.reason is reason


@pytest.mark.parametrize(
    "presented",
    [
        PresentedClient("c1", None, "none"),
        PresentedClient("c1", "s", "client_secret_post"),
        presented_client(None, form()),
    ],
    ids=plain,
)
def test_a_client_with_keys_is_never_taken_at_its_word(presented):
    with pytest.raises(InvalidClient) as refused:
        authenticate(CLIENT, presented, now=NOW)
    assert refused.value.reason is Reason.WRONG_AUTH_METHOD
