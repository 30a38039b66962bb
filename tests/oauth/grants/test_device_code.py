from dataclasses import replace

import msgspec
import pytest
from oauth.given import (
    DOOR,
    ISSUER,
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
    DeviceCodes,
    answer,
    as_shown,
    begin,
    encode_user_code,
    user_code_digest,
    waiting,
)
from doorward.oauth.errors import LocalAuthorizationError, OAuthError, Reason
from doorward.oauth.grant_types import DEVICE_CODE
from doorward.oauth.grants.device_code import poll
from doorward.oauth.policy import by_uri
from doorward.oauth.tokens.opaque import digest
from doorward.records.accounts import User
from doorward.records.changes import Expect, Insert, Replace, Stored
from doorward.records.oauth import Client, DeviceAuthorization, Grant

CLIENT = Stored(a_client(grant_types=("refresh_token", DEVICE_CODE), redirect_uris=()), 11)
USER = Stored(User(user_id="u1", created_at=NOW), 13)
CODES = DeviceCodes("the-device-code", "BCDF-GHJK")
BEGUN = begin({}, client=CLIENT.record, codes=CODES, now=NOW, policy=POLICY)
WAITING = Stored(BEGUN.changes[0].record, 17)
FORM = {"device_code": "the-device-code"}
MOVED = replace(POLICY, resources=by_uri(replace(DOOR, uri="https://door.example/new")))


def answered(found=WAITING, client=CLIENT, user=USER, *, approved=True, now=NOW + 9, policy=POLICY):
    return answer(found, client, user, approved=approved, grant_id="g1", now=now, policy=policy)


FINISHED, GRANT = (Stored(change.record, 18) for change in answered().changes[:2])
DENIED = Stored(answered(approved=False).changes[0].record, 18)


def polled(form=FORM, *, client=CLIENT.record, device=WAITING, grant=None, now=NOW + 10, sealing=None, policy=POLICY):
    request = a_redemption(form, client=client, now=now, sealing=sealing, policy=policy)
    return poll(request, device=device, grant=grant)


@pytest.mark.requirement("RFC8628-3.5")
def test_a_device_begins_to_wait():
    assert BEGUN.reply == {
        "device_code": "the-device-code",
        "user_code": "BCDF-GHJK",
        "verification_uri": f"{ISSUER}/-/device",
        "expires_in": 600,
        "interval": 5,
    }
    assert BEGUN.changes == (
        Insert(
            DeviceAuthorization(
                user_code_digest=user_code_digest("BCDF-GHJK"),
                device_digest=digest("the-device-code"),
                client_id="c1",
                scopes=("read", "write"),
                resource=RESOURCE,
                created_at=NOW,
                expires_at=NOW + 600,
                interval_seconds=5,
            )
        ),
    )


@pytest.mark.parametrize(
    ("form", "client", "error"),
    [
        ({}, changed(CLIENT, grant_types=("authorization_code",)), "unauthorized_client"),
        ({"scope": "admin"}, CLIENT, "invalid_scope"),
        ({"resource": "https://elsewhere.example/mcp"}, CLIENT, "invalid_target"),
    ],
)
def test_not_every_client_may_begin_nor_for_anything(form, client, error):
    with pytest.raises(OAuthError) as refused:
        begin(form, client=client.record, codes=CODES, now=NOW, policy=POLICY)
    assert refused.value.error == error


@pytest.mark.parametrize("typed", ["BCDF-GHJK", "bcdfghjk", " bcdf ghjk ", "b.c.d.f.g.h.j.k", "BCDF\u2013GHJK"])
def test_a_code_may_be_typed_as_people_type(typed):
    assert user_code_digest(typed) == WAITING.record.user_code_digest
    assert as_shown(typed) == "BCDF-GHJK"


def test_codes_use_every_letter_and_are_spread_evenly():
    codes = [encode_user_code(digest(str(number)).encode()[:16]) for number in range(2_000)]
    assert len(set(codes)) == 2_000
    assert all(len(code) == 9 and code[4] == "-" for code in codes)
    letters = "".join(codes).replace("-", "")
    assert {letters.count(letter) // 600 for letter in set(letters)} == {1}
    assert len(set(letters)) == 20


@pytest.mark.parametrize(
    ("found", "client", "now", "expected"),
    [
        (WAITING, CLIENT, NOW + 599, True),
        (WAITING, CLIENT, NOW + 600, False),
        (FINISHED, CLIENT, NOW + 9, False),
        (DENIED, CLIENT, NOW + 9, False),
        (None, None, NOW, False),
        (WAITING, None, NOW, False),
        (WAITING, changed(CLIENT, expires_at=NOW), NOW, False),
        (WAITING, changed(CLIENT, grant_types=()), NOW, False),
    ],
)
def test_only_what_waits_can_be_answered(found, client, now, expected):
    assert waiting(found, client, now=now) is expected
    if not expected:
        with pytest.raises(LocalAuthorizationError) as refused:
            answered(found, client, now=now)
        assert refused.value.reason is Reason.UNKNOWN_USER_CODE


def test_an_approval_makes_a_grant_while_user_and_client_stand():
    finished, grant, *held = answered().changes
    assert finished == Replace(
        msgspec.structs.replace(WAITING.record, finished_at=NOW + 9, user_id="u1", grant_id="g1"), 17
    )
    assert (grant.record.user_id, grant.record.client_id, grant.record.grant_type) == ("u1", "c1", DEVICE_CODE)
    assert held == [Expect(Client, "c1", 11), Expect(User, "u1", 13)]


@pytest.mark.parametrize("user", [None, changed(USER, disabled_at=NOW)])
@pytest.mark.parametrize("approved", [True, False])
def test_whoever_is_switched_off_decides_nothing(user, approved):
    with pytest.raises(LocalAuthorizationError) as refused:
        answered(user=user, approved=approved)
    assert refused.value.reason is Reason.USER_ENDED


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


@pytest.mark.parametrize("form", [{}, {"resource": ISSUER}, {"resource": "https://evil.example/mcp"}])
def test_a_device_that_names_no_door_of_several_does_not_begin(form):
    with pytest.raises(OAuthError) as refused:
        begin(form, client=CLIENT.record, codes=CODES, now=NOW, policy=TWO_DOORS)
    assert refused.value.error == "invalid_target"


def test_a_device_is_not_allowed_at_a_door_that_has_moved():
    with pytest.raises(LocalAuthorizationError) as refused:
        answered(policy=MOVED)
    assert refused.value.reason is Reason.WRONG_RESOURCE
    assert answered(approved=False, policy=MOVED).reply is False
