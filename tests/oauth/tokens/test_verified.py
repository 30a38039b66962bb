"""What another issuer's token must say to be good here."""

from __future__ import annotations

import pytest

from doorward.oauth.errors import BearerError
from doorward.oauth.tokens.verified import CallRefused, VerifiedToken, check_verified_token

DOOR = "https://mcp.example.com/mcp"
GOOD = {
    "subject": "idp|ann",
    "client_id": "agent",
    "scopes": ("mcp",),
    "expires_at": 1000,
    "audience": ("https://other.example", DOOR),
}


def test_a_token_that_is_alive_and_for_this_door_is_good():
    token = VerifiedToken(**GOOD)
    assert check_verified_token(token, now=999, resource=DOOR) is token


@pytest.mark.requirement("P-36")
@pytest.mark.parametrize(
    ("changes", "now", "reason"),
    [
        (None, 999, "unknown_token"),
        ({}, 1000, "expired_token"),
        ({"audience": ()}, 999, "wrong_resource"),
        ({"audience": (DOOR + "/",)}, 999, "wrong_resource"),
        ({"audience": (DOOR.upper(),)}, 999, "wrong_resource"),
        ({"audience": ("https://mcp.example.com",)}, 999, "wrong_resource"),
    ],
)
@pytest.mark.requirement("U-01")
def test_any_other_is_refused(changes, now, reason):
    token = None if changes is None else VerifiedToken(**GOOD | changes)
    with pytest.raises(BearerError) as caught:
        check_verified_token(token, now=now, resource=DOOR)
    assert (caught.value.reason, caught.value.status, caught.value.error) == (reason, 401, "invalid_token")


@pytest.mark.parametrize(
    "wrong",
    [
        {"subject": ""},
        {"subject": None},
        {"client_id": ""},
        {"scopes": "mcp admin"},
        {"scopes": ["mcp"]},
        {"scopes": (1,)},
        {"audience": DOOR},
        {"expires_at": None},
        {"expires_at": 1e9},
        {"expires_at": True},
    ],
)
def test_a_result_of_another_kind_cannot_be_made(wrong):
    with pytest.raises((TypeError, ValueError), match=next(iter(wrong))):
        VerifiedToken(**GOOD | wrong)


def test_a_call_is_refused_with_one_of_three_statuses():
    with pytest.raises(ValueError, match="401, 403 or 429"):
        CallRefused("no", status=500)


def test_a_refusal_of_the_operator_s_function_reads_as_it_was_written():
    assert str(CallRefused("No calls on Sundays.", status=403)) == "No calls on Sundays."
