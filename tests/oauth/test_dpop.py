from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st
from oauth import proofs
from oauth.given import NOW, POLICY, Wrapping, a_client
from oauth.proofs import Holder, base64url, respelled, signed_with_secret, unsigned

from doorward.oauth import dpop
from doorward.oauth.errors import InvalidDpopProof, Reason

URL = "https://door.example/token"
URLS = frozenset({URL})
TOKEN = "dwa_a-token"
ANN, EVE = Holder(), Holder()


def check(proof: str, **changes):
    return dpop.check_proof(proof, **({"method": "POST", "urls": URLS, "now": NOW, "policy": POLICY} | changes))


def proof(**changes) -> str:
    return ANN.proof(**({"url": URL, "now": NOW, "access_token": TOKEN} | changes))


@pytest.mark.parametrize("alg", dpop.ALGORITHMS)
def test_a_proof_of_each_algorithm_names_its_key(alg):
    holder = Holder(alg)
    checked = check(holder.proof(url=URL, now=NOW, jti="j1", nonce="n1"))
    assert checked == dpop.Proof(holder.jkt, "j1", NOW, "n1")


def test_the_thumbprint_is_that_of_the_specification():
    jwk = {
        "kty": "EC",
        "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
        "crv": "P-256",
    }
    assert dpop.thumbprint(jwk) == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
    assert dpop.is_thumbprint(dpop.thumbprint(jwk))
    assert not dpop.is_thumbprint("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4")
    assert not dpop.is_thumbprint("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I=")


@pytest.mark.parametrize(
    "htu",
    [
        URL,
        "HTTPS://Door.Example/token",
        "https://door.example:443/token",
        "https://door.example/token?a=b",
        "https://door.example/token#there",
        "https://door.example/token?a=b#there",
    ],
)
def test_an_address_counts_in_any_of_its_spellings_and_without_its_query(htu):
    assert check(proof(htu=htu)).jkt == ANN.jkt


@pytest.mark.requirement("RFC9449-4.3")
@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda: proof(htm="GET"), Reason.PROOF_TARGET),
        (lambda: proof(htm="post"), Reason.PROOF_TARGET),
        (lambda: proof(htm=None), Reason.PROOF_TARGET),
        (lambda: proof(htu="https://door.example/token/"), Reason.PROOF_TARGET),
        (lambda: proof(htu="https://door.example/mcp"), Reason.PROOF_TARGET),
        (lambda: proof(htu="http://door.example/token"), Reason.PROOF_TARGET),
        (lambda: proof(htu="https://door.example.evil.example/token"), Reason.PROOF_TARGET),
        (lambda: proof(htu="https://door.example@evil.example/token"), Reason.PROOF_TARGET),
        (lambda: proof(htu="/token"), Reason.PROOF_TARGET),
        (lambda: proof(htu=["https://door.example/token"]), Reason.PROOF_TARGET),
        (lambda: proof(htu=None), Reason.PROOF_TARGET),
        (lambda: proof(iat=NOW - 61), Reason.PROOF_TIME),
        (lambda: proof(iat=NOW + 61), Reason.PROOF_TIME),
        (lambda: proof(iat=1e300), Reason.PROOF_TIME),
        (lambda: proof(iat=None), Reason.MALFORMED_PROOF),
        (lambda: proof(iat=str(NOW)), Reason.MALFORMED_PROOF),
        (lambda: proof(iat=True), Reason.MALFORMED_PROOF),
        (lambda: proof(jti=None), Reason.MALFORMED_PROOF),
        (lambda: proof(jti=""), Reason.MALFORMED_PROOF),
        (lambda: proof(jti=7), Reason.MALFORMED_PROOF),
        (lambda: proof(jti="x" * 257), Reason.MALFORMED_PROOF),
        (lambda: proof(nonce=7), Reason.MALFORMED_PROOF),
        (lambda: proof(ath=None), Reason.PROOF_TOKEN),
        (lambda: proof(ath=proofs.ath("dwa_another")), Reason.PROOF_TOKEN),
        (lambda: proof(ath=proofs.ath(TOKEN) + "="), Reason.PROOF_TOKEN),
        (lambda: proof(ath=TOKEN), Reason.PROOF_TOKEN),
        (lambda: proof(ath="ü"), Reason.PROOF_TOKEN),
        (lambda: proof(header={"typ": "JWT"}), Reason.MALFORMED_PROOF),
        (lambda: proof(header={"typ": None}), Reason.MALFORMED_PROOF),
        (lambda: proof(header={"crit": ["b64"], "b64": False}), Reason.MALFORMED_PROOF),
        (lambda: unsigned(ANN, url=URL, now=NOW), Reason.MALFORMED_PROOF),
        (lambda: proof(header={"alg": "none"}), Reason.PROOF_ALGORITHM),
        (lambda: proof(header={"alg": None}), Reason.PROOF_ALGORITHM),
        (lambda: proof(header={"alg": ["ES256"]}), Reason.PROOF_ALGORITHM),
        (lambda: proof(header={"alg": "ES256K"}), Reason.PROOF_ALGORITHM),
        (lambda: proof(header={"alg": "HS256", "jwk": {"kty": "oct", "k": "c2VjcmV0"}}), Reason.PROOF_ALGORITHM),
        (lambda: proof(header={"alg": "ES384"}), Reason.PROOF_KEY),
        (lambda: proof(header={"alg": "RS256"}), Reason.PROOF_KEY),
        (lambda: proof(header={"jwk": None}), Reason.PROOF_KEY),
        (lambda: proof(header={"jwk": "key", "kid": "1"}), Reason.PROOF_KEY),
        (lambda: proof(header={"jwk": ANN.private_jwk}), Reason.PROOF_KEY),
        (lambda: proof(header={"jwk": ANN.jwk | {"x": ""}}), Reason.PROOF_KEY),
        (lambda: proof(header={"jwk": ANN.jwk | {"x": 7}}), Reason.PROOF_KEY),
        (lambda: proof(header={"jwk": ANN.jwk | {"x": "!"}}), Reason.PROOF_KEY),
        (lambda: proof(header={"jwk": ANN.jwk | {"y": ANN.jwk["x"]}}), Reason.PROOF_SIGNATURE),
        (lambda: proof(header={"jwk": EVE.jwk}), Reason.PROOF_SIGNATURE),
        (lambda: respelled(proof(), claims={"htm": "POST", "extra": 1}), Reason.PROOF_SIGNATURE),
        (lambda: respelled(proof(), header={"kid": "1"}), Reason.PROOF_SIGNATURE),
        (lambda: proof().rpartition(".")[0] + "." + base64url(bytes(64)), Reason.PROOF_SIGNATURE),
        (lambda: proof().rpartition(".")[0] + "." + base64url(b"short"), Reason.PROOF_SIGNATURE),
        (lambda: proof().rpartition(".")[0], Reason.MALFORMED_PROOF),
        (lambda: proof() + "=", Reason.MALFORMED_PROOF),
        (lambda: proof() + ".", Reason.MALFORMED_PROOF),
        (lambda: f"{proof()},{proof()}", Reason.MALFORMED_PROOF),
        (lambda: proof(padding="x" * 9000), Reason.MALFORMED_PROOF),
        (lambda: "", Reason.MALFORMED_PROOF),
        (lambda: "a.b.c", Reason.MALFORMED_PROOF),
        (lambda: f"{base64url(b'[]')}.{base64url(b'{}')}.c2ln", Reason.MALFORMED_PROOF),
        (lambda: f"{base64url(b'{}')}.{base64url(b'7')}.c2ln", Reason.MALFORMED_PROOF),
    ],
)
def test_a_proof_with_one_fault_is_refused_for_it(made, reason):
    with pytest.raises(InvalidDpopProof) as refused:
        check(made(), access_token=TOKEN)
    assert refused.value.reason is reason
    assert refused.value.error == "invalid_dpop_proof"


@pytest.mark.requirement("RFC9449-4.3")
@pytest.mark.parametrize("spelling", ["jwk", "pem", "der"])
def test_a_mac_with_the_public_key_as_its_secret_is_no_signature(spelling):
    public = ANN.key.public_key()
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    secret = {
        "jwk": json.dumps(ANN.jwk).encode(),
        "pem": public.public_bytes(serialization.Encoding.PEM, info),
        "der": public.public_bytes(serialization.Encoding.DER, info),
    }[spelling]
    with pytest.raises(InvalidDpopProof) as refused:
        check(signed_with_secret(ANN, secret, url=URL, now=NOW))
    assert refused.value.reason is Reason.PROOF_ALGORITHM


def test_an_rsa_key_that_is_too_short_or_costly_to_check_is_refused():
    holder = Holder("RS256")
    for change in ({"n": holder.jwk["n"][:170]}, {"n": base64url(b"\xff" * 1024)}, {"e": base64url(b"\xff" * 64)}):
        with pytest.raises(InvalidDpopProof) as refused:
            check(holder.proof(url=URL, now=NOW, header={"jwk": holder.jwk | change}))
        assert refused.value.reason is Reason.PROOF_KEY


@pytest.mark.parametrize("offset", [-60, 0, 60, 0.5, -59.5])
def test_clocks_may_differ_by_a_minute(offset):
    assert check(proof(iat=NOW + offset)).issued_at == int(NOW + offset)


def test_members_that_nobody_knows_are_ignored():
    made = proof(header={"kid": "1", "jku": "https://evil.example/keys"}, extra={"deep": [1]})
    assert check(made).jkt == ANN.jkt


def test_only_the_members_that_make_the_key_count_for_its_thumbprint():
    assert check(proof(header={"jwk": ANN.jwk | {"kid": "1", "use": "sig", "alg": "ES256"}})).jkt == ANN.jkt


class TestWithoutTheCheck:
    """The faults above are told by one check each: without it, the same proof counts."""

    def test_of_the_signature(self, monkeypatch):
        forged = proof(header={"jwk": EVE.jwk})
        monkeypatch.setattr(dpop, "is_signed", lambda *_: True)
        assert check(forged).jkt == EVE.jkt

    def test_of_private_members(self, monkeypatch):
        monkeypatch.setattr(dpop, "_PRIVATE_MEMBERS", frozenset())
        assert check(proof(header={"jwk": ANN.private_jwk})).jkt == ANN.jkt

    def test_of_time(self):
        patient = replace(POLICY, dpop_proof_seconds=61)
        assert check(proof(iat=NOW - 61), policy=patient).issued_at == NOW - 61

    def test_of_target_and_method(self):
        elsewhere = frozenset({"https://door.example/mcp"})
        assert check(proof(htu="https://door.example/mcp", htm="GET"), urls=elsewhere, method="GET").jkt == ANN.jkt

    def test_of_the_token(self):
        assert check(proof(ath=None)).jkt == ANN.jkt


def test_a_proof_is_known_again_by_key_and_id_whatever_else_it_says():
    def seen(holder: Holder, **changes):
        return dpop.seen(check(holder.proof(url=URL, now=NOW, **changes)), policy=POLICY)

    first = seen(ANN, jti="one")
    assert seen(ANN, jti="one", nonce="n", iat=NOW + 5).key == first.key
    assert seen(ANN, jti="two").key != first.key
    assert seen(EVE, jti="one").key != first.key
    assert first.expires_at == NOW + 61
    assert first.minute == str((NOW + 61) // 60)


def test_a_nonce_is_ours_and_tells_its_age():
    sealing = Wrapping()
    nonce = dpop.make_nonce(sealing, now=NOW)
    assert dpop.nonce_age_seconds(nonce, sealing, now=NOW + 7) == 7
    of_another_kind = base64url(sealing.seal(NOW.to_bytes(8, "big"), b"another purpose"))
    assert dpop.nonce_age_seconds(of_another_kind, sealing, now=NOW) is None
    assert dpop.nonce_age_seconds("x" * 300, sealing, now=NOW) is None
    assert dpop.nonce_age_seconds("ü", sealing, now=NOW) is None
    sealing.key = b"2"
    assert dpop.nonce_age_seconds(nonce, sealing, now=NOW) is None


@pytest.mark.parametrize(
    ("client", "policy", "jkt", "refused"),
    [
        ({}, {}, None, False),
        ({"dpop_bound_access_tokens": True}, {}, None, True),
        ({"dpop_bound_access_tokens": True}, {}, "key", False),
        ({}, {"require_dpop": True}, None, True),
        ({}, {"require_dpop": True}, "key", False),
    ],
)
def test_a_proof_is_asked_for_where_tokens_must_be_bound(client, policy, jkt, refused):
    def ask() -> None:
        dpop.require_proof(a_client(**client), jkt, policy=replace(POLICY, **policy))

    if not refused:
        ask()
        return
    with pytest.raises(InvalidDpopProof) as error:
        ask()
    assert error.value.reason is Reason.MISSING_PROOF


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = st.sampled_from(["typ", "alg", "jwk", "crit", "htm", "htu", "iat", "jti", "ath", "nonce"])


@settings(max_examples=100, deadline=None)
@given(
    header=st.dictionaries(MEMBERS, JSON),
    claims=st.dictionaries(MEMBERS, JSON),
    jwk=st.dictionaries(
        st.sampled_from(["kty", "crv", "x", "y", "n", "e", "d"]),
        JSON | st.sampled_from(["EC", "OKP", "RSA", "P-256", "AQAB"]),
    ),
    alg=st.sampled_from(dpop.ALGORITHMS),
)
def test_whatever_is_sent_as_a_proof_gets_a_verdict_and_never_an_accident(header, claims, jwk, alg):
    made = ANN.proof(url=URL, now=NOW, header={"alg": alg, "jwk": ANN.jwk | jwk})
    for text in (made, respelled(made, header=header, claims=claims)):
        with pytest.raises(InvalidDpopProof):
            check(text, access_token=TOKEN)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_-]{1,40}\.[A-Za-z0-9_-]{1,40}\.[A-Za-z0-9_-]{1,40}"))
def test_any_text_as_a_proof_gets_a_verdict(text):
    with pytest.raises(InvalidDpopProof):
        check(text)
