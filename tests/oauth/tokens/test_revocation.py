import pytest
from oauth.given import NOW, a_client, a_grant, a_refresh_token, an_access_token, changed

from doorward.oauth.errors import InvalidRequest, Reason
from doorward.oauth.tokens.revocation import end_grant, revoke
from doorward.records.changes import Delete, DeleteAll, Replace, Stored
from doorward.records.oauth import AccessToken, RefreshToken

FORM = {"token": "x", "token_type_hint": "nonsense"}


def ended(grant, reason):
    return (
        Replace(changed(grant, revoked_at=NOW, revoked_reason=reason).record, grant.version),
        DeleteAll(AccessToken, "grant_id", "g1"),
        DeleteAll(RefreshToken, "grant_id", "g1"),
    )


def test_a_refresh_token_takes_the_grant_and_all_its_tokens_along():
    grant = a_grant()
    decision = revoke(FORM, client=a_client(), found=a_refresh_token(), grant=grant, now=NOW)
    assert decision.changes == ended(grant, "revoked_by_client")


def test_a_spent_refresh_token_does_so_too():
    spent = a_refresh_token(rotated_at=NOW)
    assert len(revoke(FORM, client=a_client(), found=spent, grant=a_grant(), now=NOW).changes) == 3


def test_an_access_token_takes_only_itself():
    found = Stored(an_access_token(), 2)
    decision = revoke(FORM, client=a_client(), found=found, grant=a_grant(), now=NOW)
    assert decision.changes == (Delete(AccessToken, found.record.key, 2),)


@pytest.mark.requirement("T-06")
@pytest.mark.parametrize("found", [None, a_refresh_token(client_id="c2"), Stored(an_access_token(client_id="c2"), 2)])
def test_what_is_unknown_or_anothers_is_left_alone_and_nobody_learns_of_it(found):
    assert revoke(FORM, client=a_client(), found=found, grant=a_grant(), now=NOW).changes == ()


@pytest.mark.parametrize("grant", [None, a_grant(grant_id="g2")])
def test_a_refresh_token_whose_grant_is_gone_goes_alone(grant):
    found = a_refresh_token()
    decision = revoke(FORM, client=a_client(), found=found, grant=grant, now=NOW)
    assert decision.changes == (Delete(RefreshToken, found.record.key, found.version),)


def test_a_request_without_a_token_is_refused():
    with pytest.raises(InvalidRequest) as refused:
        revoke({}, client=a_client(), found=None, grant=None, now=NOW)
    assert refused.value.reason is Reason.MISSING_PARAMETER


def test_a_grant_that_ended_before_keeps_its_date_and_reason():
    grant = a_grant(revoked_at=NOW - 5, revoked_reason="user")
    replaced, *deleted = end_grant(grant, reason="other", now=NOW)
    assert replaced == Replace(grant.record, grant.version)
    assert len(deleted) == 2
