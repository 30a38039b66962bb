import msgspec
import pytest
from oauth.devices import BEGUN, CLIENT, CODES, DENIED, FINISHED, MOVED, USER, WAITING, answered
from oauth.given import (
    ISSUER,
    NOW,
    POLICY,
    RESOURCE,
    TWO_DOORS,
    changed,
)

from doorward.oauth.authorization.device import (
    as_shown,
    begin,
    encode_user_code,
    user_code_digest,
    waiting,
)
from doorward.oauth.errors import LocalAuthorizationError, OAuthError, Reason
from doorward.oauth.grant_types import DEVICE_CODE
from doorward.oauth.tokens.opaque import digest
from doorward.records.accounts import User
from doorward.records.changes import Expect, Insert, Replace
from doorward.records.oauth import Client, DeviceAuthorization


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
