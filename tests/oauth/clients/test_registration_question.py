"""How an operator's function refuses a registration."""

import pytest

from doorward import RegistrationRefused
from doorward.oauth.errors import Reason


def test_a_refusal_says_what_it_is_told_to():
    refused = RegistrationRefused('Not "here".', error="unapproved_software_statement", status=400)
    assert (refused.error, refused.status, refused.description) == (
        "unapproved_software_statement",
        400,
        "Not 'here'.",
    )
    assert refused.reason is Reason.REGISTRATION_POLICY
    assert (RegistrationRefused("No.").error, RegistrationRefused("No.").status) == ("access_denied", 403)


@pytest.mark.parametrize(
    "wrong",
    [
        {"error": ""},
        {"error": "Not a code"},
        {"error": 'x"y'},
        {"error": "x\r\n"},
        {"error": "e" * 65},
        {"status": 200},
        {"status": 303},
        {"status": 399},
        {"status": 500},
        {"status": "403"},
    ],
)
def test_what_is_no_refusal_cannot_be_made(wrong):
    with pytest.raises(ValueError, match="4xx"):
        RegistrationRefused("No.", **wrong)
