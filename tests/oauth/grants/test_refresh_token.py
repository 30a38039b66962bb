import pytest
from oauth.given import (
    DOOR,
    ISSUER,
    NOTES,
    NOW,
    POLICY,
    RESOURCE,
    TWO_DOORS,
    Wrapping,
    a_client,
    a_grant,
    a_redemption,
    a_refresh_token,
    changed,
)

from doorward.oauth.errors import OAuthError, Reason
from doorward.oauth.grants.refresh_token import refresh
from doorward.oauth.policy import Policy, by_uri
from doorward.oauth.tokens.opaque import digest
from doorward.records.changes import DeleteAll, Expect, Insert, Replace, Stored
from doorward.records.oauth import AccessToken, Grant, RefreshToken

FORM = {"refresh_token": "the-refresh"}
LATER = NOW + 5000
BODY = {
    "access_token": "new-access",
    "token_type": "Bearer",
    "expires_in": 3600,
    "refresh_token": "new-refresh",
    "scope": "read write",
}


def refreshed(
    form=FORM, client=None, presented=None, predecessor=None, grant=None, now=LATER, sealing=None, policy=POLICY
):
    request = a_redemption(form, client=client, now=now, sealing=sealing, policy=policy)
    return refresh(request, presented=presented or a_refresh_token(), predecessor=predecessor, grant=grant or a_grant())


def rotated(**changes):
    replaced = refreshed().changes[0]
    assert isinstance(replaced, Replace)
    return changed(Stored(replaced.record, 6), **changes)


@pytest.mark.requirement("A9")
@pytest.mark.requirement("T-02")
def test_every_use_rotates():
    decision = refreshed()
    assert decision.reply.body == BODY
    spent, expect, access, successor = decision.changes
    assert isinstance(spent, Replace)
    assert (spent.record.rotated_at, spent.version) == (LATER, 5)
    assert expect == Expect(Grant, "g1", 7)
    assert isinstance(access, Insert)
    assert access.record.access_digest == digest("new-access")
    assert access.record.expires_at == LATER + 3600
    assert successor == Insert(
        a_refresh_token(
            "new-refresh",
            created_at=LATER,
            expires_at=LATER + 30 * 86_400,
            predecessor_digest=digest("the-refresh"),
        ).record
    )


@pytest.mark.parametrize(
    ("scope", "scopes"), [("read", ("read",)), ("write read", ("read", "write")), ("read offline_access", ("read",))]
)
def test_a_narrower_scope_narrows_the_access_token_only(scope, scopes):
    decision = refreshed(FORM | {"scope": scope})
    assert decision.reply.body["scope"] == " ".join(scopes)
    access, successor = (change.record for change in decision.changes if isinstance(change, Insert))
    assert access.scopes == scopes
    assert successor.scopes == ("read", "write")


def test_no_token_outlives_the_grant():
    policy = Policy(ISSUER, by_uri(DOOR), grant_absolute_seconds=5100)
    decision = refreshed(policy=policy)
    assert decision.reply.body["expires_in"] == 100
    assert [change.record.expires_at for change in decision.changes if isinstance(change, Insert)] == [NOW + 5100] * 2


@pytest.mark.requirement("T-04")
@pytest.mark.parametrize(
    ("given", "error", "reason"),
    [
        ({"form": {}}, "invalid_request", Reason.MISSING_PARAMETER),
        (
            {"client": a_client(grant_types=("authorization_code",))},
            "unauthorized_client",
            Reason.GRANT_TYPE_NOT_REGISTERED,
        ),
        ({"client": a_client(client_id="c2")}, "invalid_grant", Reason.FOREIGN_REFRESH_TOKEN),
        ({"grant": a_grant(revoked_at=NOW)}, "invalid_grant", Reason.GRANT_ENDED),
        ({"grant": a_grant(grant_id="g2")}, "invalid_grant", Reason.GRANT_ENDED),
        ({"now": NOW + 30 * 86_400}, "invalid_grant", Reason.EXPIRED_REFRESH_TOKEN),
        (
            {
                "now": NOW + 180 * 86_400,
                "presented": a_refresh_token(expires_at=None),
                "grant": a_grant(expires_at=None),
            },
            "invalid_grant",
            Reason.GRANT_ENDED,
        ),
        ({"form": FORM | {"resource": "https://evil.example/mcp"}}, "invalid_target", Reason.FOREIGN_RESOURCE),
        ({"presented": a_refresh_token(resource="https://old.example/mcp")}, "invalid_grant", Reason.WRONG_RESOURCE),
        ({"form": FORM | {"scope": "read admin"}}, "invalid_scope", Reason.WIDER_SCOPE),
        (
            {"form": FORM | {"scope": "write"}, "presented": a_refresh_token(scopes=("read",))},
            "invalid_scope",
            Reason.WIDER_SCOPE,
        ),
        ({"form": FORM | {"scope": 'a"'}}, "invalid_scope", Reason.MALFORMED_SCOPE),
    ],
)
def test_a_wrong_attempt_is_refused_and_leaves_the_token_alive(given, error, reason):
    with pytest.raises(OAuthError) as refused:
        refreshed(**given)
    assert (refused.value.error, refused.value.reason) == (error, reason)


def test_an_unknown_token_ends_nothing():
    with pytest.raises(OAuthError) as refused:
        refresh(a_redemption(FORM), presented=None, predecessor=None, grant=None)
    assert refused.value.reason is Reason.UNKNOWN_REFRESH_TOKEN


def test_a_token_without_expiry_lives_as_long_as_the_grant():
    assert refreshed(presented=a_refresh_token(expires_at=None), now=NOW + 100 * 86_400).reply.body == BODY


@pytest.mark.parametrize("seconds", [-60, 0, 30])
@pytest.mark.requirement("T-02")
def test_a_repeat_within_the_window_gets_the_identical_successor(seconds):
    decision = refreshed(presented=rotated(), now=LATER + seconds)
    assert decision.reply.body == BODY
    assert decision.changes == (Expect(Grant, "g1", 7), Expect(RefreshToken, digest("the-refresh"), 6))


@pytest.mark.requirement("T-02")
def test_using_the_successor_closes_the_window_of_its_predecessor():
    predecessor = rotated()
    successor = a_refresh_token("new-refresh", predecessor_digest=digest("the-refresh"))
    changes = refreshed(presented=successor, predecessor=predecessor, now=LATER + 1).changes
    assert changes[1] == Replace(changed(predecessor, sealed_reply=None).record, 6)
    closed = changed(predecessor, sealed_reply=None)
    assert refreshed(presented=closed, now=LATER + 2).reply.error.reason is Reason.REUSED_REFRESH_TOKEN


@pytest.mark.parametrize(
    "predecessor", [None, rotated(sealed_reply=None), rotated(refresh_digest=digest("somebody else's"))]
)
def test_nothing_else_is_touched_when_no_window_is_open(predecessor):
    successor = a_refresh_token("new-refresh", predecessor_digest=digest("the-refresh"))
    changes = refreshed(presented=successor, predecessor=predecessor).changes
    assert [type(change) for change in changes] == [Replace, Expect, Insert, Insert]


@pytest.mark.requirement("T-01")
@pytest.mark.requirement("A9")
@pytest.mark.parametrize(
    ("presented", "now"),
    [
        (rotated(), LATER + 31),
        (rotated(), NOW + 40 * 86_400),
        (rotated(sealed_reply=None), LATER + 1),
    ],
)
def test_reuse_ends_the_grant_and_its_tokens(presented, now):
    decision = refreshed(presented=presented, now=now)
    assert decision.reply.body is None
    assert decision.reply.error.error == "invalid_grant"
    assert decision.reply.error.reason is Reason.REUSED_REFRESH_TOKEN
    ended, *deleted = decision.changes
    assert (ended.record.revoked_at, ended.record.revoked_reason, ended.version) == (now, "reused_refresh_token", 7)
    assert deleted == [DeleteAll(AccessToken, "grant_id", "g1"), DeleteAll(RefreshToken, "grant_id", "g1")]


@pytest.mark.requirement("A-06")
def test_another_client_with_a_spent_token_cannot_end_the_grant():
    with pytest.raises(OAuthError) as refused:
        refreshed(presented=rotated(), client=a_client(client_id="c2"), now=LATER + 31)
    assert refused.value.reason is Reason.FOREIGN_REFRESH_TOKEN


def test_a_reply_that_cannot_be_opened_within_the_window_accuses_nobody():
    sealing = Wrapping()
    sealing.key = b"2"
    with pytest.raises(OAuthError) as refused:
        refreshed(presented=rotated(), now=LATER + 1, sealing=sealing)
    assert (refused.value.error, refused.value.reason) == ("invalid_grant", Reason.REPLY_LOST)


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
def test_a_refresh_stays_at_its_door(resource, policy, error):
    presented = a_refresh_token(resource=NOTES.uri, scopes=("notes",))
    given = FORM if resource is None else FORM | {"resource": resource}
    grant = a_grant(resource=NOTES.uri, scopes=("notes",))
    if error is None:
        _, _, access, successor = refreshed(given, presented=presented, grant=grant, policy=policy).changes
        assert (access.record.resource, successor.record.resource) == (NOTES.uri, NOTES.uri)
        return
    with pytest.raises(OAuthError) as refused:
        refreshed(given, presented=presented, grant=grant, policy=policy)
    assert refused.value.error == error
