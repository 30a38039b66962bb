import pytest
from oauth.devices import CLIENT, CODES, DENIED, FINISHED, GRANT, MOVED, WAITING, answered
from oauth.given import (
    NOTES,
    NOW,
    POLICY,
    RESOURCE,
    TWO_DOORS,
    a_client,
    a_redemption,
    changed,
)

from doorward.oauth.authorization.device import (
    begin,
)
from doorward.oauth.errors import OAuthError, Reason
from doorward.oauth.grant_types import DEVICE_CODE
from doorward.oauth.grants.device_code import poll
from doorward.records.changes import Expect, Stored
from doorward.records.oauth import DeviceAuthorization, Grant

FORM = {"device_code": "the-device-code"}


def polled(form=FORM, *, client=CLIENT.record, device=WAITING, grant=None, now=NOW + 10, sealing=None, policy=POLICY):
    request = a_redemption(form, client=client, now=now, sealing=sealing, policy=policy)
    return poll(request, device=device, grant=grant)


@pytest.mark.requirement("RFC8628-3.5")
def test_the_device_gets_its_tokens_once_the_user_has_allowed_it():
    decision = polled(device=FINISHED, grant=GRANT)
    assert decision.reply.body == {
        "access_token": "new-access",
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "read write",
        "refresh_token": "new-refresh",
    }
    spent = decision.changes[0]
    assert (spent.record.redeemed_at, spent.version) == (NOW + 10, 18)
    assert decision.changes[1] == Expect(Grant, "g1", 18)


def redeemed(seconds=0):
    return Stored(polled(device=FINISHED, grant=GRANT).changes[0].record, 19), NOW + 10 + seconds


@pytest.mark.parametrize("seconds", [0, 10])
def test_a_lost_reply_can_be_had_again_within_seconds(seconds):
    device, now = redeemed(seconds)
    decision = polled(device=device, grant=GRANT, now=now)
    assert decision.reply.body == polled(device=FINISHED, grant=GRANT).reply.body
    assert decision.changes == (
        Expect(Grant, "g1", 18),
        Expect(DeviceAuthorization, device.record.key, 19),
    )


@pytest.mark.parametrize(
    ("since", "interval", "error", "then"),
    [
        (None, 5, "authorization_pending", 5),
        (5, 5, "authorization_pending", 5),
        (4, 5, "slow_down", 10),
        (9, 10, "slow_down", 15),
        (0, 5, "slow_down", 10),
    ],
)
@pytest.mark.requirement("RFC8628-3.5")
def test_while_the_user_thinks_the_device_is_kept_at_its_pace(since, interval, error, then):
    polled_at = None if since is None else NOW + 100 - since
    decision = polled(device=changed(WAITING, polled_at=polled_at, interval_seconds=interval), now=NOW + 100)
    assert decision.reply.error.error == error
    (change,) = decision.changes
    assert (change.record.polled_at, change.record.interval_seconds, change.version) == (NOW + 100, then, 17)


@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        ({"client": a_client(grant_types=())}, "unauthorized_client", "GRANT_TYPE_NOT_REGISTERED"),
        ({"form": {}}, "invalid_request", "MISSING_PARAMETER"),
        ({"device": None}, "invalid_grant", "UNKNOWN_DEVICE_CODE"),
        (
            {"client": a_client(client_id="c2", grant_types=(DEVICE_CODE,)), "device": FINISHED, "grant": GRANT},
            "invalid_grant",
            "FOREIGN_DEVICE_CODE",
        ),
        ({"now": NOW + 600}, "expired_token", "EXPIRED_DEVICE_CODE"),
        ({"device": FINISHED, "grant": GRANT, "now": NOW + 600}, "expired_token", "EXPIRED_DEVICE_CODE"),
        ({"device": DENIED}, "access_denied", "DENIED_BY_USER"),
        ({"device": FINISHED, "grant": None}, "invalid_grant", "GRANT_ENDED"),
        ({"device": FINISHED, "grant": changed(GRANT, revoked_at=NOW)}, "invalid_grant", "GRANT_ENDED"),
        (
            {"form": FORM | {"resource": "https://elsewhere.example/mcp"}, "device": FINISHED, "grant": GRANT},
            "invalid_target",
            "FOREIGN_RESOURCE",
        ),
        (
            {"device": FINISHED, "grant": GRANT, "policy": MOVED},
            "invalid_grant",
            "WRONG_RESOURCE",
        ),
        ({"device": redeemed()[0], "grant": GRANT, "now": NOW + 21}, "invalid_grant", "REPLAYED_DEVICE_CODE"),
        (
            {"device": redeemed()[0], "grant": changed(GRANT, revoked_at=NOW), "now": NOW + 11},
            "invalid_grant",
            "GRANT_ENDED",
        ),
    ],
)
@pytest.mark.requirement("RFC8628-3.5")
@pytest.mark.requirement("T-04")
def test_every_other_poll_is_refused(changes, error, reason):
    with pytest.raises(OAuthError) as refused:
        polled(**changes)
    assert (refused.value.error, refused.value.reason) == (error, Reason[reason])


def test_no_code_is_in_a_repr():
    assert "the-device-code" not in repr(CODES)
    assert "BCDF" not in repr(CODES)


def test_a_device_waits_for_one_door_and_gets_tokens_for_that_one():
    begun = begin({"resource": f"{NOTES.uri}/"}, client=CLIENT.record, codes=CODES, now=NOW, policy=TWO_DOORS)
    waits = Stored(begun.changes[0].record, 17)
    assert (waits.record.resource, waits.record.scopes) == (NOTES.uri, ("notes",))
    finished, grant = (Stored(each.record, 18) for each in answered(waits, policy=TWO_DOORS).changes[:2])
    assert grant.record.resource == NOTES.uri
    tokens = polled(device=finished, grant=grant, policy=TWO_DOORS).changes[2:]
    assert {each.record.resource for each in tokens} == {NOTES.uri}
    with pytest.raises(OAuthError) as refused:
        polled(FORM | {"resource": RESOURCE}, device=finished, grant=grant, policy=TWO_DOORS)
    assert refused.value.error == "invalid_target"
