import pytest
from oauth.given import MINTED, NOW, POLICY, a_code, a_grant, a_redemption

from doorward.oauth.errors import InvalidScope, Reason
from doorward.oauth.policy import Policy
from doorward.oauth.tokens.reply import MintedTokens, issue
from doorward.oauth.tokens.terms import KEEP, TokenRefused, TokenTerms
from doorward.records.changes import Insert
from doorward.records.oauth import AccessToken, RefreshToken

LONG = 10**9


def issued(terms, **changes):
    request = a_redemption(minted=MintedTokens(MINTED.access_token, MINTED.refresh_token, terms=terms))
    made = issue(request, source=a_code().record, scopes=("read", "write"), grant=a_grant(**changes))
    records = {type(each.record): each.record for each in made.changes if isinstance(each, Insert)}
    return made.body, records[AccessToken], records.get(RefreshToken)


@pytest.mark.requirement("P-33")
@pytest.mark.requirement("P-26")
@pytest.mark.parametrize(
    ("terms", "scopes", "access_seconds", "refresh_seconds"),
    [
        (KEEP, "read write", 3600, POLICY.refresh_idle_seconds),
        (TokenTerms(scopes=("write",)), "write", 3600, POLICY.refresh_idle_seconds),
        (TokenTerms(scopes=("write", "read", "admin")), "read write", 3600, POLICY.refresh_idle_seconds),
        (TokenTerms(access_token_seconds=60), "read write", 60, POLICY.refresh_idle_seconds),
        (TokenTerms(access_token_seconds=LONG), "read write", 3600, POLICY.refresh_idle_seconds),
        (TokenTerms(refresh_token_seconds=600), "read write", 3600, 600),
        (TokenTerms(refresh_token_seconds=LONG), "read write", 3600, POLICY.refresh_idle_seconds),
        (TokenTerms(refresh_token_seconds=0), "read write", 3600, None),
    ],
)
def test_terms_take_away_and_never_add(terms, scopes, access_seconds, refresh_seconds):
    body, access, refresh = issued(terms)
    assert (body["scope"], " ".join(access.scopes)) == (scopes, scopes)
    assert (body["expires_in"], access.expires_at) == (access_seconds, NOW + access_seconds)
    assert ("refresh_token" in body) is (refresh is not None) is (refresh_seconds is not None)
    if refresh is not None:
        assert refresh.expires_at == NOW + refresh_seconds
        assert refresh.scopes == ("read", "write")


def test_no_terms_reach_beyond_the_grant():
    body, access, refresh = issued(
        TokenTerms(access_token_seconds=100, refresh_token_seconds=100), created_at=NOW - 50, expires_at=NOW + 40
    )
    assert body["expires_in"] == 40
    assert access.expires_at == refresh.expires_at == NOW + 40


@pytest.mark.parametrize("scopes", [(), ("admin",)])
def test_terms_that_leave_no_scope_refuse(scopes):
    with pytest.raises(InvalidScope) as refused:
        issued(TokenTerms(scopes=scopes))
    assert refused.value.reason is Reason.TOKEN_POLICY


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"scopes": "read"}, TypeError),
        ({"access_token_seconds": 0}, ValueError),
        ({"access_token_seconds": -1}, ValueError),
        ({"access_token_seconds": 1.5}, ValueError),
        ({"access_token_seconds": True}, ValueError),
        ({"refresh_token_seconds": -1}, ValueError),
        ({"refresh_token_seconds": "0"}, ValueError),
    ],
)
def test_terms_that_cannot_be_meant_are_a_mistake_at_once(wrong, error):
    with pytest.raises(error):
        TokenTerms(**wrong)


@pytest.mark.parametrize(
    "wrong", [{"status": 200}, {"status": 303}, {"status": 500}, {"error": ""}, {"error": 'a"b'}, {"error": "a\nb"}]
)
def test_a_refusal_has_a_code_and_the_status_of_one(wrong):
    with pytest.raises(ValueError, match="A refusal has"):
        TokenRefused("No.", **wrong)


def test_a_policy_of_its_own_is_the_limit():
    assert TokenTerms(access_token_seconds=900).of_access(Policy("i", {}).access_token_seconds) == 900
