import pytest
from oauth.given import (
    DOOR,
    ISSUER,
    NOTES,
    NOW,
    POLICY,
    REDIRECT_URI,
    RESOURCE,
    TWO_DOORS,
    VERIFIER,
    Wrapping,
    a_client,
    a_code,
    a_grant,
    a_redemption,
    changed,
)

from doorward.oauth.errors import OAuthError, Reason
from doorward.oauth.grants.authorization_code import redeem_code
from doorward.oauth.policy import Policy, by_uri
from doorward.oauth.tokens.opaque import digest
from doorward.records.changes import DeleteAll, Expect, Insert, Replace, Stored
from doorward.records.oauth import AccessToken, AuthorizationCode, Grant, RefreshToken

FORM = {"code": "the-code", "redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER, "resource": RESOURCE}
BODY = {
    "access_token": "new-access",
    "token_type": "Bearer",
    "expires_in": 3600,
    "refresh_token": "new-refresh",
    "scope": "read write",
}


def redeem(form=FORM, client=None, code=None, grant=None, now=NOW + 1, sealing=None, policy=POLICY):
    request = a_redemption(form, client=client, now=now, sealing=sealing, policy=policy)
    return redeem_code(request, code=code or a_code(), grant=grant or a_grant())


def redeemed(sealing=None, **changes):
    replaced = redeem(sealing=sealing).changes[0]
    assert isinstance(replaced, Replace)
    return changed(Stored(replaced.record, 4), **changes)


def form(**changes):
    return {name: value for name, value in (FORM | changes).items() if value is not None}


def test_a_code_becomes_an_access_and_a_refresh_token():
    decision = redeem()
    assert decision.reply.body == BODY
    assert decision.reply.error is None
    spent, expect, access, refresh = decision.changes
    assert isinstance(spent, Replace)
    assert spent.version == 3
    assert (
        spent.record
        == changed(
            a_code(), redeemed_at=NOW + 1, sealed_reply=spent.record.sealed_reply, expires_at=NOW + 1 + 86_400
        ).record
    )
    assert expect == Expect(Grant, "g1", 7)
    owned = {"grant_id": "g1", "client_id": "c1", "user_id": "u1", "resource": RESOURCE, "created_at": NOW + 1}
    scopes = ("read", "write")
    assert access == Insert(
        AccessToken(access_digest=digest("new-access"), scopes=scopes, expires_at=NOW + 3601, **owned)
    )
    assert refresh == Insert(
        RefreshToken(refresh_digest=digest("new-refresh"), scopes=scopes, expires_at=NOW + 1 + 30 * 86_400, **owned)
    )


def test_the_reply_is_kept_sealed_for_this_code_only():
    sealed = redeemed().record.sealed_reply
    assert Wrapping().unseal(sealed, context=digest("the-code").encode())
    assert Wrapping().unseal(sealed, context=digest("another").encode()) is None


@pytest.mark.parametrize(
    "accepted",
    [form(redirect_uri=None), form(resource=None), form(resource=RESOURCE + "/"), form(scope="read write more")],
)
def test_what_clients_leave_out_or_add_is_taken_well(accepted):
    assert redeem(accepted).reply.body == BODY


@pytest.mark.requirement("P-24")
def test_a_scope_beside_the_code_narrows_the_access_token_and_not_the_grant():
    decision = redeem(form(scope="write unheard-of"))
    assert decision.reply.body["scope"] == "write"
    _, _, access, refresh = decision.changes
    assert access.record.scopes == ("write",)
    assert refresh.record.scopes == ("read", "write")


@pytest.mark.requirement("P-24")
@pytest.mark.parametrize("scope", ["unheard-of", "unheard-of openid", "re\u00e4d", " ".join(map(str, range(200)))])
def test_a_scope_of_which_nothing_was_consented_to_spends_nothing(scope):
    with pytest.raises(OAuthError) as refused:
        redeem(form(scope=scope))
    assert refused.value.error == "invalid_scope"


def test_a_client_that_did_not_register_for_refresh_gets_no_refresh_token():
    decision = redeem(client=a_client(grant_types=("authorization_code",)))
    assert "refresh_token" not in decision.reply.body
    assert not [change for change in decision.changes if isinstance(getattr(change, "record", None), RefreshToken)]


def test_no_token_outlives_the_grant():
    policy = Policy(ISSUER, by_uri(DOOR), grant_absolute_seconds=100)
    decision = redeem(policy=policy, now=NOW + 40)
    assert decision.reply.body["expires_in"] == 60
    assert [change.record.expires_at for change in decision.changes if isinstance(change, Insert)] == [NOW + 100] * 2


WRONG_PROOF = [
    (form(redirect_uri="https://client.example/other"), "invalid_grant", Reason.WRONG_REDIRECT_URI),
    (form(redirect_uri=REDIRECT_URI + "/"), "invalid_grant", Reason.WRONG_REDIRECT_URI),
    (form(code_verifier=None), "invalid_request", Reason.MISSING_PARAMETER),
    (form(code_verifier="w" * 43), "invalid_grant", Reason.WRONG_VERIFIER),
    (form(code_verifier="v" * 42), "invalid_grant", Reason.MALFORMED_VERIFIER),
    (form(code_verifier="v" * 129), "invalid_grant", Reason.MALFORMED_VERIFIER),
    (form(resource="https://evil.example/mcp"), "invalid_target", Reason.FOREIGN_RESOURCE),
    (form(resource=ISSUER), "invalid_target", Reason.FOREIGN_RESOURCE),
]


@pytest.mark.requirement("A-07")
@pytest.mark.requirement("A8")
@pytest.mark.parametrize(("attempt", "error", "reason"), WRONG_PROOF)
def test_a_wrong_attempt_is_refused_and_does_not_burn_the_code(attempt, error, reason):
    with pytest.raises(OAuthError) as refused:
        redeem(attempt)
    assert (refused.value.error, refused.value.reason) == (error, reason)


@pytest.mark.parametrize(
    ("given", "error", "reason"),
    [
        ({"form": form(code=None)}, "invalid_request", Reason.MISSING_PARAMETER),
        ({"client": a_client(grant_types=("refresh_token",))}, "unauthorized_client", Reason.GRANT_TYPE_NOT_REGISTERED),
        ({"client": a_client(client_id="c2")}, "invalid_grant", Reason.FOREIGN_CODE),
        ({"now": NOW + 60}, "invalid_grant", Reason.EXPIRED_CODE),
        ({"grant": a_grant(revoked_at=NOW)}, "invalid_grant", Reason.GRANT_ENDED),
        ({"grant": a_grant(expires_at=NOW + 1)}, "invalid_grant", Reason.GRANT_ENDED),
        ({"grant": a_grant(grant_id="g2")}, "invalid_grant", Reason.GRANT_ENDED),
        ({"code": a_code(resource="https://old.example/mcp")}, "invalid_grant", Reason.WRONG_RESOURCE),
    ],
)
def test_a_code_that_cannot_be_redeemed_is_refused(given, error, reason):
    with pytest.raises(OAuthError) as refused:
        redeem(**given)
    assert (refused.value.error, refused.value.reason) == (error, reason)


@pytest.mark.requirement("A-06")
@pytest.mark.parametrize(
    ("code", "grant", "reason"),
    [(None, None, Reason.UNKNOWN_CODE), (None, a_grant(), Reason.UNKNOWN_CODE), (a_code(), None, Reason.GRANT_ENDED)],
)
def test_a_forged_code_or_a_lost_grant_ends_nothing(code, grant, reason):
    with pytest.raises(OAuthError) as refused:
        redeem_code(a_redemption(FORM), code=code, grant=grant)
    assert refused.value.reason is reason


def test_a_code_that_has_no_expiry_is_not_expired():
    assert redeem(code=a_code(expires_at=None), now=NOW + 3600).reply.body == BODY


@pytest.mark.parametrize("seconds", [-5, 0, 10])
@pytest.mark.requirement("A-05")
def test_an_honest_repeat_gets_the_identical_reply(seconds):
    decision = redeem(code=redeemed(), now=NOW + 1 + seconds)
    assert decision.reply.body == BODY
    assert decision.changes == (Expect(Grant, "g1", 7), Expect(AuthorizationCode, digest("the-code"), 4))


def test_a_reply_that_cannot_be_opened_within_the_window_accuses_nobody():
    code = redeemed(sealed_reply=b"sealed with a key that this process does not know yet")
    with pytest.raises(OAuthError) as refused:
        redeem(code=code, now=NOW + 2)
    assert (refused.value.error, refused.value.reason) == ("invalid_grant", Reason.REPLY_LOST)


@pytest.mark.requirement("A-05")
@pytest.mark.requirement("A8")
@pytest.mark.parametrize(
    ("attempt", "now", "changes"),
    [
        *((attempt, NOW + 2, {}) for attempt, _, _ in WRONG_PROOF),
        (FORM, NOW + 12, {}),
        (FORM, NOW + 80_000, {}),
        (FORM, NOW + 2, {"sealed_reply": None}),
    ],
)
def test_a_replay_ends_the_grant_and_its_tokens(attempt, now, changes):
    code = redeemed(**changes)
    decision = redeem(attempt, code=code, now=now)
    assert decision.reply.body is None
    assert decision.reply.error.error == "invalid_grant"
    assert decision.reply.error.reason is Reason.REPLAYED_CODE
    wiped, ended, *deleted = decision.changes
    assert wiped == Replace(changed(code, sealed_reply=None).record, 4)
    assert ended.record.revoked_reason == "replayed_code"
    assert (ended.record.revoked_at, ended.version) == (now, 7)
    assert deleted == [DeleteAll(AccessToken, "grant_id", "g1"), DeleteAll(RefreshToken, "grant_id", "g1")]


@pytest.mark.requirement("A-06")
@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"client": a_client(client_id="c2")}, Reason.FOREIGN_CODE),
        ({"grant": a_grant(revoked_at=NOW)}, Reason.GRANT_ENDED),
    ],
)
def test_a_stranger_with_a_redeemed_code_cannot_end_the_grant(given, reason):
    with pytest.raises(OAuthError) as refused:
        redeem(code=redeemed(), now=NOW + 60, **given)
    assert refused.value.reason is reason


@pytest.mark.parametrize(
    ("resource", "policy", "error"),
    [
        (None, TWO_DOORS, None),
        (NOTES.uri, TWO_DOORS, None),
        (f"{NOTES.uri}/", TWO_DOORS, None),
        (RESOURCE, TWO_DOORS, "invalid_target"),
        ("https://evil.example/mcp", TWO_DOORS, "invalid_target"),
        (None, POLICY, "invalid_grant"),
        (RESOURCE, POLICY, "invalid_grant"),
    ],
)
def test_a_code_gives_tokens_for_the_door_it_was_made_for_and_no_other(resource, policy, error):
    code, grant = a_code(resource=NOTES.uri, scopes=("notes",)), a_grant(resource=NOTES.uri, scopes=("notes",))
    if error is None:
        _, _, access, successor = redeem(form(resource=resource), code=code, grant=grant, policy=policy).changes
        assert (access.record.resource, successor.record.resource) == (NOTES.uri, NOTES.uri)
        return
    with pytest.raises(OAuthError) as refused:
        redeem(form(resource=resource), code=code, grant=grant, policy=policy)
    assert refused.value.error == error
