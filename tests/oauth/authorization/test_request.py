from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from oauth.given import (
    CHALLENGE,
    ISSUER,
    NOTES,
    NOW,
    POLICY,
    REDIRECT_URI,
    RESOURCE,
    TWO_DOORS,
    a_client,
    a_request,
)

from doorward.oauth.authorization.request import approve, deny, next_step, trusted_client_target, validate
from doorward.oauth.clients.terms import terms
from doorward.oauth.errors import LocalAuthorizationError, Reason, RedirectAuthorizationError
from doorward.oauth.parameters import parse_query
from doorward.oauth.tokens.opaque import digest
from doorward.records.accounts import BrowserSession, User
from doorward.records.changes import Expect, Insert, Replace, Stored
from doorward.records.oauth import AuthorizationCode, Client, Grant

PARAMETERS = {
    "response_type": "code",
    "client_id": "c1",
    "redirect_uri": REDIRECT_URI,
    "state": "s 1",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
    "resource": RESOURCE,
    "scope": "read",
}


def start(parameters, client=None, policy=POLICY):
    client = client or a_client()
    target = trusted_client_target(parameters, client, now=NOW, policy=policy)
    return validate(
        parameters, client, redirect_uri=target, request_id="r1", browser_digest="b1", now=NOW, policy=policy
    )


def without(*names, **changes):
    return {name: value for name, value in PARAMETERS.items() if name not in names} | changes


def test_a_good_request_becomes_a_record_that_waits_for_the_user():
    assert start(PARAMETERS) == a_request(scopes=("read",), client_terms=terms(a_client()))


@pytest.mark.parametrize(
    ("parameters", "client", "expected"),
    [
        (without("redirect_uri"), None, {"redirect_uri": REDIRECT_URI, "redirect_uri_given": False}),
        (without("scope"), None, {"scopes": ("read", "write")}),
        (without(scope="read offline_access openid"), None, {"scopes": ("read",)}),
        (without("scope"), a_client(scope="write"), {"scopes": ("write",)}),
        (without("resource"), None, {"resource": RESOURCE}),
        (without(resource=RESOURCE + "/"), None, {"resource": RESOURCE}),
        (without("state"), None, {"state": None}),
        (without(nonce="n", prompt="consent login", audience="x", ui_locales="de"), None, {}),
        (without(response_mode="query"), None, {}),
        (
            without(redirect_uri="http://localhost:5/cb"),
            a_client(redirect_uris=(REDIRECT_URI, "http://localhost/cb")),
            {"redirect_uri": "http://localhost:5/cb"},
        ),
    ],
)
def test_what_clients_leave_out_or_add_is_taken_well(parameters, client, expected):
    record = start(parameters, client)
    assert {name: getattr(record, name) for name in expected} == expected


@pytest.mark.requirement("A-02")
@pytest.mark.requirement("A7")
@pytest.mark.parametrize(
    ("query", "client", "reason"),
    [
        (b"", a_client(), Reason.MISSING_PARAMETER),
        (b"client_id=c1", None, Reason.UNKNOWN_CLIENT),
        (b"client_id=c2", a_client(), Reason.UNKNOWN_CLIENT),
        (b"client_id=c1", a_client(expires_at=NOW), Reason.EXPIRED_CLIENT),
        (b"client_id=c1", a_client(redirect_uris=()), Reason.MISSING_REDIRECT_URI),
        (b"client_id=c1", a_client(redirect_uris=(REDIRECT_URI, "a.b:/c")), Reason.MISSING_REDIRECT_URI),
        (b"client_id=c1&redirect_uri=https://evil.example/", a_client(), Reason.UNREGISTERED_REDIRECT_URI),
        (b"client_id=c1&client_id=c1", a_client(), Reason.REPEATED_PARAMETER),
        (b"client_id=c1&client_id=c2", a_client(), Reason.REPEATED_PARAMETER),
        (
            b"client_id=c1&redirect_uri=https://client.example/callback&redirect_uri=https://evil.example/",
            a_client(),
            Reason.REPEATED_PARAMETER,
        ),
        # stored before the rule existed
        (b"client_id=c1", a_client(redirect_uris=("javascript:alert(1)",)), Reason.UNREGISTERED_REDIRECT_URI),
        (
            b"client_id=c1&redirect_uri=javascript:alert(1)",
            a_client(redirect_uris=("javascript:alert(1)",)),
            Reason.UNREGISTERED_REDIRECT_URI,
        ),
        (b"client_id=c1", a_client(redirect_uris=(f"{ISSUER}/-/callback/github",)), Reason.OWN_REDIRECT_URI),
    ],
)
def test_without_a_trusted_target_the_error_stays_here(query, client, reason):
    broken = b"&response_type=nonsense&scope=%22&resource=evil&request=x"
    with pytest.raises(LocalAuthorizationError) as refused:
        trusted_client_target(parse_query(query + broken), client, now=NOW, policy=POLICY)
    assert refused.value.reason is reason
    assert not hasattr(refused.value, "location")


@pytest.mark.parametrize(
    ("parameters", "error", "reason"),
    [
        (without("response_type"), "invalid_request", Reason.MISSING_PARAMETER),
        (without(response_type="token"), "unsupported_response_type", Reason.RESPONSE_TYPE),
        (without(response_type="code id_token"), "unsupported_response_type", Reason.RESPONSE_TYPE),
        (without("code_challenge"), "invalid_request", Reason.MISSING_PARAMETER),
        (without("code_challenge_method"), "invalid_request", Reason.CHALLENGE_METHOD),
        (without(code_challenge_method="plain"), "invalid_request", Reason.CHALLENGE_METHOD),
        (without(code_challenge="abc"), "invalid_request", Reason.MALFORMED_CHALLENGE),
        (without(scope="no-such"), "invalid_scope", Reason.UNKNOWN_SCOPE),
        (without(scope='a"'), "invalid_scope", Reason.MALFORMED_SCOPE),
        (without(resource="https://evil.example/mcp"), "invalid_target", Reason.FOREIGN_RESOURCE),
        (without(response_mode="fragment"), "invalid_request", Reason.RESPONSE_MODE),
        (without(response_mode="form_post"), "invalid_request", Reason.RESPONSE_MODE),
        (without(request="x.y.z"), "request_not_supported", Reason.REQUEST_OBJECT),
        (without(request_uri="urn:x"), "request_uri_not_supported", Reason.REQUEST_OBJECT),
        (without(prompt="none"), "interaction_required", Reason.PROMPT_NONE),
        (without(prompt="login none"), "interaction_required", Reason.PROMPT_NONE),
    ],
)
def test_with_a_trusted_target_the_client_learns_what_is_wrong(parameters, error, reason):
    with pytest.raises(RedirectAuthorizationError) as refused:
        start(parameters)
    assert (refused.value.error, refused.value.reason) == (error, reason)
    answer = parse_qs(urlsplit(refused.value.location()).query)
    assert refused.value.location().startswith(REDIRECT_URI + "?")
    assert (answer["error"], answer["state"], answer["iss"]) == ([error], ["s 1"], [ISSUER])


@pytest.mark.parametrize("changes", [{"response_types": ()}, {"grant_types": ("refresh_token",)}])
def test_a_client_that_did_not_register_for_codes_gets_none(changes):
    with pytest.raises(RedirectAuthorizationError) as refused:
        start(PARAMETERS, a_client(**changes))
    assert refused.value.error == "unauthorized_client"


@pytest.mark.requirement("A-10")
@pytest.mark.parametrize(
    "name", ["scope", "resource", "code_challenge", "code_challenge_method", "response_type", "prompt", "x"]
)
def test_a_repeated_parameter_is_told_to_the_client(name):
    query = parse_query(f"client_id=c1&state=s&{name}=1&{name}=2".encode())
    with pytest.raises(RedirectAuthorizationError) as refused:
        start(query)
    assert (refused.value.reason, refused.value.state) == (Reason.REPEATED_PARAMETER, "s")


@pytest.mark.parametrize("query", [b"client_id=c1&state=a&state=b", b"client_id=c1&state=" + b"x" * 8193])
def test_a_state_that_cannot_be_trusted_is_not_echoed(query):
    with pytest.raises(RedirectAuthorizationError) as refused:
        start(parse_query(query + b"&response_type=code"))
    assert refused.value.state is None
    assert "state=" not in refused.value.location()


def session(**changes):
    return BrowserSession(**({"cookie_digest": "b1", "created_at": NOW, "expires_at": NOW + 900} | changes))


@pytest.mark.parametrize(
    ("request_changes", "browser", "now", "step"),
    [
        ({}, session(), NOW, "sign_in"),
        ({}, session(user_id="u1"), NOW, "consent"),
        ({"user_id": "u1"}, session(user_id="u1"), NOW, "consent"),
        ({"user_id": "u1"}, session(user_id="u2"), NOW, "sign_in"),
        ({"user_id": "u1"}, session(), NOW, "sign_in"),
        ({"finished_at": NOW}, session(user_id="u1"), NOW, "finished"),
        ({"finished_at": NOW}, session(user_id="u1"), NOW + 600, "finished"),
        ({}, session(user_id="u1"), NOW + 599, "consent"),
        ({}, session(user_id="u1"), NOW + 600, "expired"),
        ({}, None, NOW, "other_browser"),
        ({}, session(cookie_digest="b2", user_id="u1"), NOW, "other_browser"),
        ({"finished_at": NOW}, session(cookie_digest="b2"), NOW, "other_browser"),
        ({}, session(user_id="u1", expires_at=NOW), NOW, "other_browser"),
        ({}, session(expires_at=None), NOW, "sign_in"),
    ],
)
def test_the_record_alone_says_what_is_next(request_changes, browser, now, step):
    assert next_step(a_request(**request_changes), browser, now=now) == step


def a_user(**changes):
    return User(**({"user_id": "u1", "created_at": NOW - 100} | changes))


def approved(request=None, client=None, user=None, now=NOW + 9, **changes):
    values = {"grant_id": "g1", "code": "the-code", "now": now, "policy": POLICY} | changes
    return approve(
        Stored(request or a_request(), 4), Stored(client or a_client(), 6), Stored(user or a_user(), 8), **values
    )


@pytest.mark.requirement("B-09")
def test_approval_makes_a_grant_and_a_code_and_answers_once():
    decision = approved()
    assert decision.reply == f"{REDIRECT_URI}?code=the-code&state=s+1&iss=https%3A%2F%2Fdoor.example"
    finished, grant, code, *_ = decision.changes
    assert finished == Replace(a_request(finished_at=NOW + 9, user_id="u1"), 4)
    assert isinstance(grant, Insert)
    assert isinstance(code, Insert)
    assert grant.record == Grant(
        grant_id="g1",
        user_id="u1",
        client_id="c1",
        redirect_uri=REDIRECT_URI,
        scopes=("read", "write"),
        resource=RESOURCE,
        created_at=NOW + 9,
        expires_at=NOW + 9 + 180 * 86_400,
    )
    assert code.record == AuthorizationCode(
        code_digest=digest("the-code"),
        grant_id="g1",
        client_id="c1",
        user_id="u1",
        redirect_uri=REDIRECT_URI,
        code_challenge=CHALLENGE,
        scopes=("read", "write"),
        resource=RESOURCE,
        created_at=NOW + 9,
        expires_at=NOW + 69,
    )
    assert "the-code" not in repr(decision.changes)


def test_a_client_that_was_granted_something_lives_on():
    *_, kept = approved(client=a_client(expires_at=NOW + 10)).changes
    until = NOW + 9 + POLICY.grant_absolute_seconds + POLICY.unused_client_seconds
    used = ("https://client.example/callback",)
    assert kept == Replace(a_client(expires_at=until, used_at=NOW + 9, used_redirect_uris=used), 6)


def test_a_client_that_lives_long_enough_is_not_written_again_for_each_user():
    until = NOW + 9 + POLICY.grant_absolute_seconds + POLICY.unused_client_seconds
    used = ("https://client.example/callback",)
    known = a_client(expires_at=until - 3600, used_at=NOW - 3600, used_redirect_uris=used)
    *_, kept = approved(client=known).changes
    assert kept == Expect(Client, "c1", 6)


@pytest.mark.requirement("R-08")
def test_an_application_that_changed_since_the_user_was_asked_must_ask_again():
    seen = a_request(client_terms=terms(a_client()))
    changed = a_client(redirect_uris=(REDIRECT_URI, "https://other.example/callback"))
    with pytest.raises(LocalAuthorizationError) as refused:
        approve(
            Stored(seen, 4), Stored(changed, 6), Stored(User(user_id="u1", created_at=0), 8),
            grant_id="g1", code="code", now=NOW, policy=POLICY,
        )  # fmt: skip
    assert refused.value.reason is Reason.CLIENT_CHANGED


def test_nothing_is_granted_for_a_user_or_to_a_client_that_ends_at_the_same_moment():
    assert {Expect(User, "u1", 8), Expect(Client, "c1", 6)} <= set(approved().changes)
    assert Expect(User, "u1", 8) in approved(client=a_client(expires_at=NOW + 10)).changes


@pytest.mark.parametrize("user", [None, Stored(a_user(disabled_at=NOW), 8)], ids=["removed", "disabled"])
@pytest.mark.requirement("A-12")
@pytest.mark.requirement("B-13")
def test_an_account_that_has_ended_allows_nothing_although_its_browser_is_signed_in(user):
    with pytest.raises(LocalAuthorizationError) as refused:
        approve(
            Stored(a_request(), 4),
            Stored(a_client(), 6),
            user,
            grant_id="g1",
            code="the-code",
            now=NOW,
            policy=POLICY,
        )
    assert refused.value.reason is Reason.USER_ENDED


def test_denial_is_told_to_the_client_and_leaves_no_code():
    for client in (None, Stored(a_client(), 6)):
        decision = deny(Stored(a_request(), 4), now=NOW + 9, policy=POLICY, client=client)
        answer = parse_qs(urlsplit(decision.reply).query)
        assert (answer["error"], answer["state"], answer["iss"]) == (["access_denied"], ["s 1"], [ISSUER])
        assert decision.changes == (Replace(a_request(finished_at=NOW + 9), 4),)


@pytest.mark.parametrize(
    ("request_changes", "client_changes", "now", "reason"),
    [
        ({"finished_at": NOW}, {}, NOW, Reason.REQUEST_FINISHED),
        ({}, {}, NOW + 600, Reason.REQUEST_EXPIRED),
        ({}, {"client_id": "c2"}, NOW, Reason.UNKNOWN_CLIENT),
        ({}, {"expires_at": NOW}, NOW, Reason.EXPIRED_CLIENT),
        ({}, {"redirect_uris": ("https://client.example/other",)}, NOW, Reason.UNREGISTERED_REDIRECT_URI),
    ],
)
@pytest.mark.requirement("B-09")
def test_an_answer_too_late_or_to_a_changed_client_goes_nowhere(request_changes, client_changes, now, reason):
    request, client = a_request(**request_changes), a_client(**client_changes)
    with pytest.raises(LocalAuthorizationError) as refused:
        approved(request, client, now=now)
    assert refused.value.reason is reason
    with pytest.raises(LocalAuthorizationError) as refused:
        deny(Stored(request, 4), now=now, policy=POLICY, client=Stored(client, 6))
    assert refused.value.reason is reason


def test_a_denial_never_leads_to_an_unsafe_target_even_if_the_client_is_gone():
    with pytest.raises(LocalAuthorizationError):
        deny(Stored(a_request(redirect_uri="http://client.example/"), 4), now=NOW, policy=POLICY)


@pytest.mark.requirement("B-14")
def test_only_the_user_who_signed_in_for_the_request_can_approve_it():
    with pytest.raises(LocalAuthorizationError) as refused:
        approved(a_request(user_id="u2"))
    assert refused.value.reason is Reason.OTHER_USER
    assert approved(a_request(user_id="u1")).changes


@pytest.mark.parametrize(
    ("parameters", "default", "expected"),
    [
        (without("scope", resource=NOTES.uri), "", (NOTES.uri, ("notes",))),
        (without("scope", resource=f"{NOTES.uri}/"), "mcp", (NOTES.uri, ("notes",))),
        (without(resource=NOTES.uri, scope="notes:all read"), "", (NOTES.uri, ("notes:all",))),
        (without("scope", "resource"), "notes", (NOTES.uri, ("notes",))),
        (without("scope"), "notes", (RESOURCE, ("read", "write"))),
        (without("scope", "resource"), "", "invalid_target"),
        (without("scope", resource=ISSUER), "", "invalid_target"),
        (without(resource=NOTES.uri, scope="read"), "", "invalid_scope"),
    ],
)
def test_a_request_is_for_one_of_several_doors_and_for_scopes_of_that_door(parameters, default, expected):
    policy = replace(TWO_DOORS, default_door=default)
    if isinstance(expected, tuple):
        asked = start(parameters, policy=policy)
        assert (asked.resource, asked.scopes) == expected
        return
    with pytest.raises(RedirectAuthorizationError) as refused:
        start(parameters, policy=policy)
    assert refused.value.error == expected


def test_nothing_is_granted_at_a_door_that_is_gone_since_the_user_was_asked():
    asked = a_request(resource=NOTES.uri, scopes=("notes",))
    grant, code = (each.record for each in approved(asked, policy=TWO_DOORS).changes[1:3])
    assert (grant.resource, code.resource) == (NOTES.uri, NOTES.uri)
    with pytest.raises(LocalAuthorizationError) as refused:
        approved(asked)
    assert refused.value.reason is Reason.WRONG_RESOURCE


@pytest.mark.parametrize("jkt", [None, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"])
def test_the_key_that_the_client_has_named_is_kept_for_its_code(jkt):
    parameters = PARAMETERS if jkt is None else {**PARAMETERS, "dpop_jkt": jkt}
    assert start(parameters).dpop_jkt == jkt


@pytest.mark.parametrize(
    ("browser", "presented", "step"),
    [
        (None, "f1", "sign_in"),
        (None, "f2", "other_browser"),
        (None, "", "other_browser"),
        (session(cookie_digest="b2"), "f1", "sign_in"),
        (session(cookie_digest="b2", user_id="u1"), "f1", "consent"),
        (session(cookie_digest="b2", user_id="u2"), "f1", "other_browser"),
        (session(cookie_digest="b2", user_id="u1"), "f2", "other_browser"),
    ],
)
def test_the_cookie_of_the_request_proves_the_browser_too(browser, presented, step):
    request = a_request(flow_digest="f1", user_id="u1" if browser is not None and browser.user_id else None)
    assert next_step(request, browser, now=NOW, flow_digest=presented) == step


def test_a_request_that_has_no_cookie_of_its_own_is_proved_by_none():
    assert next_step(a_request(flow_digest=""), None, now=NOW, flow_digest="") == "other_browser"
