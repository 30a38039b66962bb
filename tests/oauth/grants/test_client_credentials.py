from dataclasses import replace

import msgspec
import pytest
from oauth.given import (
    ISSUER,
    MINTED,
    NOTES,
    NOW,
    POLICY,
    RESOURCE,
    TWO_DOORS,
    a_client,
    a_grant,
    a_redemption,
    changed,
)

from doorward.oauth.errors import OAuthError, Reason
from doorward.oauth.grant_types import CLIENT_CREDENTIALS
from doorward.oauth.grants.client_credentials import client_credentials
from doorward.oauth.tokens.opaque import digest
from doorward.records.accounts import User
from doorward.records.changes import Expect, Insert, Stored
from doorward.records.oauth import AccessToken, Client, Grant

CLIENT = Stored(
    a_client(
        token_endpoint_auth_method="client_secret_basic",
        secret_digest=digest("s"),
        grant_types=(CLIENT_CREDENTIALS,),
        redirect_uris=(),
        service_user_id="robot",
    ),
    11,
)
ACCOUNT = Stored(User(user_id="robot", user_kind="service", created_at=NOW - 50), 13)


def decided(form=None, *, client=CLIENT, account=ACCOUNT, grants=(), now=NOW, minted=MINTED, policy=POLICY):
    request = a_redemption(form, client=client, now=now, minted=minted, policy=policy)
    return client_credentials(request, account=account, grants=grants)


def standing(**changes):
    """The grant that a first request has made."""
    grant = decided().changes[2].record
    return Stored(msgspec.structs.replace(grant, **changes), 17)


@pytest.mark.requirement("A-CC")
def test_a_service_client_gets_one_access_token_and_nothing_to_refresh():
    decision = decided({"resource": RESOURCE})
    assert decision.reply.body == {
        "access_token": "new-access",
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "read write",
    }
    expect_client, expect_user, grant, access = decision.changes
    assert (expect_client, expect_user) == (Expect(Client, "c1", 11), Expect(User, "robot", 13))
    assert isinstance(grant, Insert)
    assert (grant.record.user_id, grant.record.client_id, grant.record.grant_type) == (
        "robot",
        "c1",
        "client_credentials",
    )
    assert access == Insert(
        AccessToken(
            access_digest=digest("new-access"),
            grant_id=grant.record.grant_id,
            client_id="c1",
            user_id="robot",
            scopes=("read", "write"),
            resource=RESOURCE,
            created_at=NOW,
            expires_at=NOW + 3600,
        )
    )


def test_a_token_that_is_bound_to_a_key_says_so():
    decision = decided(minted=replace(MINTED, dpop_jkt="thumb"))
    assert decision.reply.body["token_type"] == "DPoP"
    assert decision.changes[3].record.dpop_jkt == "thumb"


@pytest.mark.parametrize(
    ("client", "form", "scopes"),
    [
        (CLIENT, {"scope": "read"}, ("read",)),
        (CLIENT, {"scope": "write unheard-of"}, ("write",)),
        (changed(CLIENT, scope="read"), {}, ("read",)),
        (changed(CLIENT, scope="read"), {"scope": "read write"}, ("read",)),
    ],
)
@pytest.mark.requirement("T-04")
def test_scopes_are_narrowed_and_never_widened(client, form, scopes):
    decision = decided(form, client=client)
    assert decision.reply.body["scope"] == " ".join(scopes)
    assert decision.changes[3].record.scopes == scopes


def test_the_next_request_finds_the_grant_again():
    there = standing()
    decision = decided({"scope": "read"}, grants=[there], now=NOW + 60)
    assert decision.changes[2] == Expect(Grant, there.record.grant_id, 17)
    assert decision.changes[3].record.grant_id == there.record.grant_id


def test_racers_that_find_no_grant_all_want_the_same_one():
    first, second = decided().changes[2].record, decided(now=NOW + 1).changes[2].record
    assert first.grant_id == second.grant_id


@pytest.mark.parametrize(
    "there",
    [
        standing(revoked_at=NOW - 1),
        standing(expires_at=NOW + 3599),
        standing(created_at=NOW - POLICY.grant_absolute_seconds),
        standing(scopes=("read",)),
        standing(resource="https://door.example/old"),
        standing(grant_type="authorization_code"),
        standing(user_id="another"),
    ],
)
def test_a_grant_that_does_not_serve_is_left_alone_and_another_is_made(there):
    change = decided(grants=[there]).changes[2]
    assert isinstance(change, Insert)
    assert change.record.grant_id != there.record.grant_id


@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        (
            {"client": changed(CLIENT, grant_types=("refresh_token",))},
            "unauthorized_client",
            "GRANT_TYPE_NOT_REGISTERED",
        ),
        ({"client": changed(CLIENT, token_endpoint_auth_method="none")}, "unauthorized_client", "PUBLIC_CLIENT"),
        ({"client": changed(CLIENT, service_user_id=None)}, "unauthorized_client", "NO_SERVICE_ACCOUNT"),
        ({"account": None}, "unauthorized_client", "NO_SERVICE_ACCOUNT"),
        ({"account": changed(ACCOUNT, user_id="other")}, "unauthorized_client", "NO_SERVICE_ACCOUNT"),
        ({"account": changed(ACCOUNT, user_kind="person")}, "unauthorized_client", "NO_SERVICE_ACCOUNT"),
        ({"account": changed(ACCOUNT, disabled_at=NOW - 1)}, "unauthorized_client", "USER_ENDED"),
        ({"form": {"resource": "https://elsewhere.example/mcp"}}, "invalid_target", "FOREIGN_RESOURCE"),
        ({"form": {"scope": "unheard-of"}}, "invalid_scope", "UNKNOWN_SCOPE"),
        ({"form": {"scope": 'a"b'}}, "invalid_scope", "MALFORMED_SCOPE"),
    ],
)
@pytest.mark.requirement("A-CC")
def test_everybody_else_is_refused(changes, error, reason):
    with pytest.raises(OAuthError) as refused:
        decided(**changes)
    assert (refused.value.error, refused.value.reason) == (error, Reason[reason])


def test_a_grant_of_a_person_is_never_taken_for_the_standing_one():
    consented = changed(a_grant(), client_id="c1", user_id="robot")
    assert isinstance(decided(grants=[consented]).changes[2], Insert)


@pytest.mark.parametrize(
    ("form", "default", "got"),
    [
        ({"resource": NOTES.uri}, "", (NOTES.uri, ("notes",))),
        ({"resource": f"{NOTES.uri}/", "scope": "notes:all read"}, "", (NOTES.uri, ("notes:all",))),
        ({"resource": RESOURCE}, "notes", (RESOURCE, ("read", "write"))),
        ({}, "notes", (NOTES.uri, ("notes",))),
        ({}, "", "invalid_target"),
        ({"resource": ISSUER}, "", "invalid_target"),
        ({"resource": NOTES.uri, "scope": "read"}, "", "invalid_scope"),
    ],
)
def test_of_several_doors_the_service_client_names_one(form, default, got):
    policy = replace(TWO_DOORS, default_door=default)
    if isinstance(got, tuple):
        access = decided(form, policy=policy).changes[-1].record
        assert (access.resource, access.scopes) == got
        return
    with pytest.raises(OAuthError) as refused:
        decided(form, policy=policy)
    assert refused.value.error == got


def test_a_standing_grant_of_one_door_is_not_used_for_another():
    grant = decided({"resource": NOTES.uri}, grants=[standing()], policy=TWO_DOORS).changes[2].record
    assert grant.resource == NOTES.uri
    assert grant.grant_id != standing().record.grant_id
