"""What a consent spares, what it does not, and which grants a new one ends."""

from __future__ import annotations

import msgspec
import pytest
from oauth.given import NOW, POLICY, REDIRECT_URI, RESOURCE, a_client, a_code, a_grant, a_request, changed

from doorward.oauth.authorization.consent import (
    GRANTS_LIMIT,
    allowed_before,
    consent_id,
    description_digest,
    is_remembered,
    may_supersede,
    superseding,
    with_consent,
)
from doorward.oauth.errors import InvalidGrant, Reason
from doorward.oauth.policy import Policy
from doorward.oauth.tokens.reply import TokenReply
from doorward.records.changes import Decision, Insert, Replace, Stored
from doorward.records.oauth import Consent

REMEMBERING = Policy(POLICY.issuer, POLICY.resources, remember_consent=True)


def a_consent(**changes) -> Consent:
    values = {
        "consent_id": consent_id(user_id="u1", client_id="c1", redirect_uri=REDIRECT_URI, resource=RESOURCE),
        "user_id": "u1",
        "client_id": "c1",
        "redirect_uri": REDIRECT_URI,
        "resource": RESOURCE,
        "scopes": ("read", "write"),
        "description_digest": description_digest(a_client()),
        "grant_ids": ("g0",),
        "created_at": NOW - 50,
        "given_at": NOW - 50,
        "expires_at": NOW + 1000,
    }
    return Consent(**(values | changes))


@pytest.mark.parametrize(
    ("request_changes", "client_changes", "consent", "own", "policy", "remembered"),
    [
        ({}, {}, a_consent(), True, REMEMBERING, True),
        ({"scopes": ("read",)}, {}, a_consent(), True, REMEMBERING, True),
        ({}, {}, a_consent(), True, POLICY, False),
        ({}, {}, a_consent(), False, REMEMBERING, False),
        ({"is_own_navigation": False}, {}, a_consent(), True, REMEMBERING, False),
        ({}, {}, None, True, REMEMBERING, False),
        ({}, {}, a_consent(scopes=("read",)), True, REMEMBERING, False),
        ({}, {}, a_consent(expires_at=NOW), True, REMEMBERING, False),
        ({}, {"source": "dynamic"}, a_consent(), True, REMEMBERING, False),
        ({}, {"client_name": "Other"}, a_consent(), True, REMEMBERING, False),
        ({}, {"redirect_uris": (REDIRECT_URI, "https://b.example/c")}, a_consent(), True, REMEMBERING, False),
        ({"redirect_uri": "http://127.0.0.1:4/callback"}, {}, a_consent(), True, REMEMBERING, False),
        ({"redirect_uri": "cursor://callback"}, {}, a_consent(), True, REMEMBERING, False),
    ],
)
@pytest.mark.requirement("X1")
@pytest.mark.requirement("A15")
@pytest.mark.requirement("B-01")
@pytest.mark.requirement("B-03")
@pytest.mark.requirement("A-13")
def test_a_question_is_spared_only_where_nothing_is_in_doubt(
    request_changes, client_changes, consent, own, policy, remembered
):
    request = a_request(**({"is_own_navigation": True} | request_changes))
    client = a_client(**client_changes)
    assert is_remembered(request, client, consent, is_own_navigation=own, now=NOW, policy=policy) is remembered


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({}, {}, True),
        ({"redirect_uri": "http://127.0.0.1:4/cb"}, {"redirect_uri": "http://127.0.0.1:5/cb"}, True),
        ({"redirect_uri": "http://[::1]:4/cb"}, {"redirect_uri": "http://[::1]/cb"}, True),
        ({"redirect_uri": "http://127.0.0.1:4/cb"}, {"redirect_uri": "http://127.0.0.1:4/other"}, False),
        ({"redirect_uri": "https://a.example:4/cb"}, {"redirect_uri": "https://a.example:5/cb"}, False),
        ({"user_id": "u2"}, {}, False),
        ({"client_id": "c2"}, {}, False),
        ({"resource": "https://door.example/other"}, {}, False),
        ({"user_id": "u1c", "client_id": "1"}, {"user_id": "u1", "client_id": "c1"}, False),
    ],
)
@pytest.mark.requirement("B-01")
def test_a_consent_is_for_one_user_client_place_and_resource(one, other, same):
    values = {"user_id": "u1", "client_id": "c1", "redirect_uri": REDIRECT_URI, "resource": RESOURCE}
    assert (consent_id(**(values | one)) == consent_id(**(values | other))) is same


def given(consent, request=None, client=None):
    return with_consent(
        Decision("there", ()),
        request or a_request(),
        client or a_client(),
        consent,
        user_id="u1",
        grant_id="g1",
        now=NOW,
        policy=POLICY,
    ).changes[0]


@pytest.mark.requirement("X8")
def test_what_is_allowed_adds_up_and_the_grants_are_remembered():
    first = given(None, a_request(scopes=("read",)))
    assert isinstance(first, Insert)
    assert (first.record.scopes, first.record.grant_ids) == (("read",), ("g1",))
    second = given(Stored(a_consent(scopes=("write",)), 3))
    assert isinstance(second, Replace)
    assert second.version == 3
    assert second.record.scopes == ("write", "read")
    assert second.record.grant_ids == ("g0", "g1")
    assert (second.record.created_at, second.record.given_at) == (NOW - 50, NOW)


@pytest.mark.requirement("B-01")
def test_a_client_with_another_description_begins_anew():
    changed_client = a_client(client_name="Other")
    assert allowed_before(a_consent(), changed_client, now=NOW) == ()
    anew = given(Stored(a_consent(), 3), a_request(scopes=("read",)), changed_client)
    assert anew.record.scopes == ("read",)
    assert anew.record.description_digest == description_digest(changed_client)


def test_the_grants_of_a_consent_are_bounded():
    full = a_consent(grant_ids=tuple(f"g{n}" for n in range(GRANTS_LIMIT)))
    assert len(given(Stored(full, 1)).record.grant_ids) == GRANTS_LIMIT


def ended(older, reply=None, grant=None):
    decision = Decision(reply or TokenReply({}), ())
    changes = superseding(decision, grant or a_grant().record, [older], now=NOW, policy=POLICY).changes
    return bool(changes) and isinstance(changes[0], Replace) and changes[0].record.revoked_reason == "superseded"


OLD = a_grant(grant_id="g0", created_at=NOW - 5000)


@pytest.mark.parametrize(
    ("older", "ends"),
    [
        (OLD, True),
        (changed(OLD, created_at=NOW - 600), True),
        (changed(OLD, created_at=NOW - 599), False),
        (changed(OLD, revoked_at=NOW - 1, revoked_reason="x"), False),
        (changed(OLD, user_id="u2"), False),
        (changed(OLD, client_id="c2"), False),
        (changed(OLD, redirect_uri="https://client.example/other"), False),
        (changed(OLD, resource="https://door.example/other"), False),
    ],
)
def test_a_grant_in_use_ends_the_older_ones_of_its_place_and_no_other(older, ends):
    assert ended(older) is ends


def test_a_refused_code_ends_nothing():
    assert not ended(OLD, TokenReply(error=InvalidGrant("no", Reason.REPLAYED_CODE)))


@pytest.mark.parametrize(
    ("code", "policy", "may"),
    [
        (a_code(), POLICY, True),
        (None, POLICY, False),
        (a_code(redeemed_at=NOW), POLICY, False),
        (a_code(redirect_uri="http://127.0.0.1:99/callback"), POLICY, False),
        (a_code(redirect_uri="com.example.app:/callback"), POLICY, False),
        (a_code(), Policy(POLICY.issuer, POLICY.resources, end_older_grants=False), False),
    ],
)
def test_computers_that_share_a_client_id_do_not_end_each_other(code, policy, may):
    assert may_supersede(code, policy=policy) is may


def test_the_order_of_redirect_uris_is_no_other_description():
    one = a_client(redirect_uris=("https://a.example/1", "https://a.example/2"))
    other = msgspec.structs.replace(one, redirect_uris=one.redirect_uris[::-1])
    assert description_digest(one) == description_digest(other)
