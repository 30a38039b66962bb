import pytest
from oauth.given import CHALLENGE, VERIFIER

from doorward.oauth.authorization.pkce import check_challenge, is_verifier, verify
from doorward.oauth.errors import InvalidRequest, Reason


def test_the_example_of_the_rfc_verifies():
    challenge, verifier = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    check_challenge(challenge, "S256")
    assert verify(challenge, verifier)


@pytest.mark.requirement("A-04")
@pytest.mark.parametrize(
    ("challenge", "method", "reason"),
    [
        (None, "S256", Reason.MISSING_PARAMETER),
        (None, None, Reason.MISSING_PARAMETER),
        (CHALLENGE, None, Reason.CHALLENGE_METHOD),
        (CHALLENGE, "plain", Reason.CHALLENGE_METHOD),
        (CHALLENGE, "s256", Reason.CHALLENGE_METHOD),
        (CHALLENGE, "S512", Reason.CHALLENGE_METHOD),
        ("abc", "S256", Reason.MALFORMED_CHALLENGE),
        (CHALLENGE[:-1], "S256", Reason.MALFORMED_CHALLENGE),
        (CHALLENGE + "=", "S256", Reason.MALFORMED_CHALLENGE),
        (CHALLENGE + "A", "S256", Reason.MALFORMED_CHALLENGE),
        (CHALLENGE[:-1] + "+", "S256", Reason.MALFORMED_CHALLENGE),
        (CHALLENGE[:-1] + "\n", "S256", Reason.MALFORMED_CHALLENGE),
        ("", "S256", Reason.MALFORMED_CHALLENGE),
    ],
)
def test_a_challenge_that_protects_nothing_is_refused(challenge, method, reason):
    with pytest.raises(InvalidRequest) as refused:
        check_challenge(challenge, method)
    assert refused.value.reason is reason


@pytest.mark.requirement("A-04")
@pytest.mark.parametrize(
    "verifier",
    ["", "v" * 42, "v" * 129, "w" * 43, "v" * 44, CHALLENGE, "é" * 43, "v" * 42 + "+", "v" * 43 + "\n", "v" * 42 + " "],
)
def test_a_wrong_verifier_does_not_match(verifier):
    assert not verify(CHALLENGE, verifier)


@pytest.mark.parametrize("length", [43, 128])
def test_the_shortest_and_the_longest_verifier_have_the_grammar(length):
    assert is_verifier("A9-._~"[length % 6] * length)


def test_the_right_verifier_matches():
    assert verify(CHALLENGE, VERIFIER)
