from __future__ import annotations

from dataclasses import replace

import pytest
from oauth.given import CHALLENGE, ISSUER, NOW, POLICY, REDIRECT_URI, RESOURCE, a_client

from doorward.oauth.authorization.pushed_request import (
    REQUEST_URI_PREFIX,
    push,
    pushed_parameters,
    pushed_reference,
    require_pushed,
)
from doorward.oauth.errors import LocalAuthorizationError, OAuthError, Reason, RedirectAuthorizationError
from doorward.oauth.tokens.opaque import digest
from doorward.records.changes import Delete, Insert, Stored
from doorward.records.oauth import PushedRequest

JKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
FORM = {
    "client_id": "c1",
    "response_type": "code",
    "redirect_uri": REDIRECT_URI,
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
    "resource": RESOURCE,
}


def pushed(form=FORM, *, jkt=None, **client):
    return push(form, client=a_client(**client), reference="the-reference", jkt=jkt, now=NOW, policy=POLICY)


def record(**changes) -> Stored[PushedRequest]:
    values = {"reference_digest": "d", "client_id": "c1", "parameters": FORM, "created_at": NOW, "expires_at": NOW + 60}
    return Stored(PushedRequest(**(values | changes)), 4)


def test_what_is_pushed_is_kept_under_a_digest_and_without_credentials():
    secrets = {"client_secret": "s", "client_assertion": "a", "client_assertion_type": "t"}
    decision = pushed(FORM | secrets)
    (change,) = decision.changes
    assert isinstance(change, Insert)
    assert change.record == PushedRequest(
        reference_digest=digest("the-reference"),
        client_id="c1",
        parameters=FORM,
        created_at=NOW,
        expires_at=NOW + 60,
    )
    assert decision.reply == {"request_uri": REQUEST_URI_PREFIX + "the-reference", "expires_in": 60}


def test_the_client_may_be_named_by_its_credentials_alone():
    form = {name: value for name, value in FORM.items() if name != "client_id"}
    (change,) = pushed(form).changes
    assert change.record.parameters["client_id"] == "c1"


def test_a_key_that_is_proved_or_named_is_kept():
    for form, jkt in ((FORM, JKT), (FORM | {"dpop_jkt": JKT}, None), (FORM | {"dpop_jkt": JKT}, JKT)):
        (change,) = pushed(form, jkt=jkt).changes
        assert change.record.parameters["dpop_jkt"] == JKT


@pytest.mark.requirement("RFC9126-2")
@pytest.mark.parametrize(
    ("changes", "arguments", "error", "reason"),
    [
        ({"request_uri": "urn:x"}, {}, "invalid_request", Reason.REQUEST_OBJECT),
        ({"client_id": "c2"}, {}, "invalid_request", Reason.CLIENT_ID_MISMATCH),
        ({"dpop_jkt": JKT[::-1]}, {"jkt": JKT}, "invalid_request", Reason.FOREIGN_KEY),
        ({"redirect_uri": "https://evil.example/"}, {}, "invalid_request", Reason.UNREGISTERED_REDIRECT_URI),
        ({}, {"expires_at": NOW}, "invalid_request", Reason.EXPIRED_CLIENT),
        ({"code_challenge_method": "plain"}, {}, "invalid_request", Reason.CHALLENGE_METHOD),
        ({"resource": "https://else.example/"}, {}, "invalid_target", Reason.FOREIGN_RESOURCE),
        ({"prompt": "none"}, {}, "interaction_required", Reason.PROMPT_NONE),
        ({"request": "eyJ"}, {}, "request_not_supported", Reason.REQUEST_OBJECT),
    ],
)
def test_what_could_not_be_authorized_is_told_to_the_client_directly(changes, arguments, error, reason):
    with pytest.raises(OAuthError) as refused:
        pushed(FORM | changes, **arguments)
    assert (refused.value.error, refused.value.reason) == (error, reason)
    assert not isinstance(refused.value, LocalAuthorizationError | RedirectAuthorizationError)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("request_uri", "reference"),
    [
        (REQUEST_URI_PREFIX + "abc", "abc"),
        (REQUEST_URI_PREFIX, ""),
        ("https://client.example/request.jwt", None),
        ("URN:ietf:params:oauth:request_uri:abc", None),
        (None, None),
    ],
)
def test_only_our_own_references_are_read(request_uri, reference):
    assert pushed_reference({} if request_uri is None else {"request_uri": request_uri}) == reference


def test_a_visit_gets_what_was_pushed_and_uses_it_up():
    parameters, change = pushed_parameters(record(), {"client_id": "c1", "state": "added"}, now=NOW + 59)
    assert parameters == FORM
    assert parameters.repeated == frozenset()
    assert change == Delete(PushedRequest, "d", 4)


@pytest.mark.requirement("RFC9126-4")
@pytest.mark.parametrize(
    ("found", "query", "reason"),
    [
        (None, {"client_id": "c1"}, Reason.UNKNOWN_REQUEST_URI),
        (record(expires_at=NOW), {"client_id": "c1"}, Reason.UNKNOWN_REQUEST_URI),
        (record(), {"client_id": "c2"}, Reason.CLIENT_ID_MISMATCH),
        (record(), {}, Reason.CLIENT_ID_MISMATCH),
    ],
)
def test_a_reference_that_cannot_be_used_is_told_to_the_person(found, query, reason):
    with pytest.raises(LocalAuthorizationError) as refused:
        pushed_parameters(found, query, now=NOW)
    assert refused.value.reason is reason


@pytest.mark.parametrize(("was_pushed", "demanded"), [(True, True), (True, False), (False, False)])
def test_parameters_in_the_query_are_fine_unless_they_must_be_pushed(was_pushed, demanded):
    policy = replace(POLICY, require_par=demanded)
    require_pushed({"state": "s"}, was_pushed=was_pushed, redirect_uri=REDIRECT_URI, policy=policy)


@pytest.mark.parametrize(("state", "echoed"), [("s", "s"), (None, None), ("x" * 8193, None)])
def test_parameters_that_must_be_pushed_go_back_to_the_client(state, echoed):
    policy = replace(POLICY, require_par=True)
    sent = {} if state is None else {"state": state}
    with pytest.raises(RedirectAuthorizationError) as refused:
        require_pushed(sent, was_pushed=False, redirect_uri=REDIRECT_URI, policy=policy)
    error = refused.value
    assert (error.error, error.reason, error.state, error.issuer) == (
        "invalid_request",
        Reason.NOT_PUSHED,
        echoed,
        ISSUER,
    )
