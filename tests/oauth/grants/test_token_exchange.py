from dataclasses import replace

import msgspec
import pytest
from oauth.given import (
    MINTED,
    NOTES,
    NOW,
    POLICY,
    RESOURCE,
    TWO_DOORS,
    a_client,
    a_grant,
    a_redemption,
    an_access_token,
    changed,
)

from doorward.oauth.errors import OAuthError, Reason
from doorward.oauth.grant_types import TOKEN_EXCHANGE
from doorward.oauth.grants.token_exchange import ACCESS_TOKEN_TYPE, NOTHING, Exchanged, exchange
from doorward.oauth.tokens.access_token_jwt import actors
from doorward.oauth.tokens.opaque import digest
from doorward.records.changes import Expect, Insert, Stored
from doorward.records.oauth import AccessToken, Client, Grant

CLIENT = Stored(
    a_client(
        token_endpoint_auth_method="client_secret_basic",
        secret_digest=digest("s"),
        grant_types=("authorization_code", TOKEN_EXCHANGE),
    ),
    11,
)
OTHER = changed(CLIENT, client_id="c2", may_exchange=True)
TOKEN = Stored(an_access_token(scopes=("read", "write")), 21)
SUBJECT = Exchanged(TOKEN, a_grant())
ACTOR = Exchanged(
    Stored(an_access_token(access_digest=digest("actor"), grant_id="g2", user_id="robot"), 22),
    a_grant(grant_id="g2", user_id="robot"),
)
FORM = {"subject_token": "the-access", "subject_token_type": ACCESS_TOKEN_TYPE}
WITH_ACTOR = FORM | {"actor_token": "actor", "actor_token_type": ACCESS_TOKEN_TYPE}


def exchanged(form=FORM, *, client=CLIENT, subject=SUBJECT, actor=NOTHING, now=NOW, minted=MINTED, policy=POLICY):
    request = a_redemption(form, client=client, now=now, minted=minted, policy=policy)
    return exchange(request, subject=subject, actor=actor)


def given(decision) -> AccessToken:
    return decision.changes[-1].record


def subject(**changes):
    return Exchanged(changed(TOKEN, **changes), SUBJECT.grant)


@pytest.mark.requirement("TX-01")
def test_a_token_becomes_another_for_the_same_user_on_the_same_grant():
    decision = exchanged()
    assert decision.reply.body == {
        "access_token": "new-access",
        "issued_token_type": ACCESS_TOKEN_TYPE,
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "read write",
    }
    assert decision.changes[:-1] == (
        Expect(Client, "c1", 11),
        Expect(AccessToken, digest("the-access"), 21),
        Expect(Grant, "g1", 7),
    )
    made = given(decision)
    assert (made.grant_id, made.user_id, made.client_id, made.resource, made.act) == ("g1", "u1", "c1", RESOURCE, ())


@pytest.mark.parametrize(
    ("form", "client", "scopes"),
    [
        ({"scope": "read"}, CLIENT, ("read",)),
        ({"scope": "write read"}, CLIENT, ("read", "write")),
        ({}, changed(CLIENT, scope="write"), ("write",)),
        ({"scope": "offline_access"}, CLIENT, ("read", "write")),
    ],
)
def test_the_scope_can_be_narrowed(form, client, scopes):
    assert given(exchanged(FORM | form, client=client)).scopes == scopes


@pytest.mark.parametrize(
    ("ends_at", "grant_ends_at", "seconds"),
    [(NOW + 100, NOW + 9000, 100), (NOW + 9000, NOW + 50, 50), (NOW + 9000, NOW + 9000, 3600)],
)
@pytest.mark.requirement("TX-02")
def test_the_new_token_never_outlives_the_old_one_or_its_grant(ends_at, grant_ends_at, seconds):
    found = Exchanged(changed(TOKEN, expires_at=ends_at), a_grant(expires_at=grant_ends_at))
    decision = exchanged(subject=found)
    assert (decision.reply.body["expires_in"], given(decision).expires_at) == (seconds, NOW + seconds)


@pytest.mark.parametrize(
    ("form", "client", "found", "act"),
    [
        (WITH_ACTOR, OTHER, SUBJECT, ("robot", "c2")),
        (WITH_ACTOR, OTHER, subject(act=("c0",)), ("robot", "c2", "c0")),
        (WITH_ACTOR, OTHER, subject(client_id="c0", act=("r0", "c0")), ("robot", "c2", "r0", "c0")),
        (FORM, OTHER, SUBJECT, ("c2",)),
        (FORM, OTHER, subject(act=("c0",)), ("c2", "c0")),
        (FORM, CLIENT, subject(act=("c0",)), ("c0",)),
        (WITH_ACTOR, CLIENT, SUBJECT, ("robot",)),
        (WITH_ACTOR, CLIENT, subject(act=("c0",)), ("robot", "c0")),
    ],
)
@pytest.mark.requirement("TX-03")
def test_whoever_acts_is_named_the_latest_first(form, client, found, act):
    of_client = replace(ACTOR, access=changed(ACTOR.access, client_id=client.record.client_id))
    assert given(exchanged(form, client=client, subject=found, actor=of_client)).act == act


def test_whoever_acts_for_the_actor_stays_named():
    acting = replace(ACTOR, access=changed(ACTOR.access, act=("r1", "c7")))
    assert given(exchanged(WITH_ACTOR, actor=acting, subject=subject(act=("c0",)))).act == ("robot", "r1", "c7", "c0")


def test_the_chain_is_told_as_nested_claims():
    assert actors(("b", "a")) == {"sub": "b", "act": {"sub": "a"}}


def test_the_actors_token_and_grant_must_stand_as_well():
    changes = exchanged(WITH_ACTOR, actor=ACTOR).changes
    assert changes[3:5] == (Expect(AccessToken, digest("actor"), 22), Expect(Grant, "g2", 7))


def test_a_token_bound_to_a_key_gives_one_bound_to_the_same_key():
    decision = exchanged(subject=subject(dpop_jkt="thumb"), minted=replace(MINTED, dpop_jkt="thumb"))
    assert (decision.reply.body["token_type"], given(decision).dpop_jkt) == ("DPoP", "thumb")


@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        ({"client": changed(CLIENT, grant_types=())}, "unauthorized_client", "GRANT_TYPE_NOT_REGISTERED"),
        ({"form": {}}, "invalid_request", "MISSING_PARAMETER"),
        ({"form": {"subject_token": "x"}}, "invalid_request", "MISSING_PARAMETER"),
        ({"form": {"subject_token_type": ACCESS_TOKEN_TYPE}}, "invalid_request", "MISSING_PARAMETER"),
        ({"form": FORM | {"actor_token": "x"}}, "invalid_request", "MISSING_PARAMETER"),
        ({"form": FORM | {"actor_token_type": ACCESS_TOKEN_TYPE}}, "invalid_request", "MISSING_PARAMETER"),
        ({"form": FORM | {"subject_token_type": "jwt"}}, "invalid_request", "TOKEN_TYPE"),
        (
            {"form": FORM | {"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"}},
            "invalid_request",
            "TOKEN_TYPE",
        ),
        (
            {"form": FORM | {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}},
            "invalid_request",
            "TOKEN_TYPE",
        ),
        ({"subject": NOTHING}, "invalid_request", "SUBJECT_TOKEN"),
        ({"subject": Exchanged(TOKEN, None)}, "invalid_request", "SUBJECT_TOKEN"),
        ({"subject": Exchanged(TOKEN, a_grant(grant_id="g9"))}, "invalid_request", "SUBJECT_TOKEN"),
        ({"subject": Exchanged(TOKEN, a_grant(revoked_at=NOW))}, "invalid_request", "SUBJECT_TOKEN"),
        ({"subject": Exchanged(TOKEN, a_grant(expires_at=NOW))}, "invalid_request", "SUBJECT_TOKEN"),
        ({"subject": subject(expires_at=NOW)}, "invalid_request", "SUBJECT_TOKEN"),
        ({"subject": subject(expires_at=None)}, "invalid_request", "SUBJECT_TOKEN"),
        ({"subject": subject(resource="https://door.example/old")}, "invalid_request", "SUBJECT_TOKEN"),
        ({"subject": subject(dpop_jkt="thumb")}, "invalid_request", "SUBJECT_TOKEN"),
        ({"subject": subject(act=tuple("abcdefgh")), "client": OTHER}, "invalid_request", "ACTOR_CHAIN"),
        ({"client": changed(OTHER, may_exchange=False)}, "unauthorized_client", "MAY_NOT_EXCHANGE"),
        ({"client": changed(OTHER, token_endpoint_auth_method="none")}, "unauthorized_client", "PUBLIC_CLIENT"),
        ({"form": WITH_ACTOR}, "invalid_request", "ACTOR_TOKEN"),
        ({"form": WITH_ACTOR, "actor": ACTOR, "client": OTHER}, "invalid_request", "ACTOR_TOKEN"),
        ({"form": FORM | {"resource": "https://elsewhere.example/mcp"}}, "invalid_target", "FOREIGN_RESOURCE"),
        ({"form": FORM | {"audience": "https://elsewhere.example/mcp"}}, "invalid_target", "FOREIGN_RESOURCE"),
        ({"form": FORM | {"audience": "another-api"}}, "invalid_target", "FOREIGN_RESOURCE"),
        ({"form": FORM | {"scope": "admin"}}, "invalid_scope", "WIDER_SCOPE"),
        ({"form": FORM | {"scope": "write"}, "subject": subject(scopes=("read",))}, "invalid_scope", "WIDER_SCOPE"),
        ({"client": changed(CLIENT, scope="admin")}, "invalid_scope", "UNKNOWN_SCOPE"),
    ],
)
@pytest.mark.requirement("TX-01")
@pytest.mark.requirement("T-04")
@pytest.mark.requirement("U-01")
def test_every_other_exchange_is_refused(changes, error, reason):
    with pytest.raises(OAuthError) as refused:
        exchanged(**changes)
    assert (refused.value.error, refused.value.reason) == (error, Reason[reason])


def widenings(decide):
    """Return the requests whose token can do more, or lives longer, than the one it was made of."""
    requests = [{"scope": "read write"}, {"scope": "write"}, {"scope": "read admin"}, {}]
    narrow = subject(scopes=("read",), expires_at=NOW + 10)
    found = []
    for request in requests:
        try:
            made = given(decide(FORM | request, subject=narrow))
        except OAuthError:
            continue
        if not set(made.scopes) <= {"read"} or made.expires_at > NOW + 10:
            found.append(request)
    return found


@pytest.mark.requirement("T-04")
def test_no_request_widens_a_token():
    assert widenings(exchanged) == []


@pytest.mark.requirement("T-04", weak=True)
def test_the_check_finds_an_exchange_that_takes_the_clients_word():
    def careless(form, *, subject):
        decision = exchanged(FORM, subject=subject)
        asked = tuple(form.get("scope", "read").split())
        wider = msgspec.structs.replace(given(decision), scopes=asked, expires_at=NOW + 3600)
        return replace(decision, changes=(*decision.changes[:-1], Insert(wider)))

    assert len(widenings(careless)) == 4


AT_NOTES = Exchanged(
    Stored(an_access_token(resource=NOTES.uri, scopes=("notes",)), 21), a_grant(resource=NOTES.uri, scopes=("notes",))
)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({}, None),
        ({"resource": NOTES.uri, "audience": f"{NOTES.uri}/"}, None),
        ({"resource": RESOURCE}, "invalid_target"),
        ({"audience": RESOURCE}, "invalid_target"),
        ({"scope": "read"}, "invalid_scope"),
    ],
)
def test_an_exchange_stays_at_the_door_of_its_subject(more, error):
    if error is None:
        assert given(exchanged(FORM | more, subject=AT_NOTES, policy=TWO_DOORS)).resource == NOTES.uri
        return
    with pytest.raises(OAuthError) as refused:
        exchanged(FORM | more, subject=AT_NOTES, policy=TWO_DOORS)
    assert refused.value.error == error


def test_nobody_acts_at_one_door_with_a_token_of_another():
    with pytest.raises(OAuthError) as refused:
        exchanged(WITH_ACTOR, subject=AT_NOTES, actor=ACTOR, policy=TWO_DOORS)
    assert refused.value.reason is Reason.ACTOR_TOKEN


def test_a_token_of_a_door_that_is_gone_gives_no_other():
    with pytest.raises(OAuthError) as refused:
        exchanged(subject=AT_NOTES)
    assert refused.value.reason is Reason.SUBJECT_TOKEN
