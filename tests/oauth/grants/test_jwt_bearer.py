from dataclasses import replace

import pytest
from oauth.given import DOOR, ISSUER, NOTES, NOW, POLICY, RESOURCE, TWO_DOORS, a_client, a_redemption, changed

from doorward.oauth.errors import OAuthError, Reason
from doorward.oauth.grant_types import JWT_BEARER
from doorward.oauth.grants.id_jag import Identity
from doorward.oauth.grants.jwt_bearer import jwt_bearer, presented_assertion
from doorward.oauth.tokens.opaque import digest
from doorward.oauth.trusted_issuers import TrustedIssuer
from doorward.records.accounts import User
from doorward.records.changes import Expect, Insert, Stored
from doorward.records.oauth import Client, SeenAssertion

IDP = TrustedIssuer(issuer="https://idp.example")
SEEN = SeenAssertion(assertion_digest="d1", created_at=NOW, expires_at=NOW + 361)
IDENTITY = Identity(IDP, "00u1", DOOR, None, SEEN)
CLIENT = Stored(
    a_client(token_endpoint_auth_method="client_secret_basic", secret_digest=digest("s"), grant_types=(JWT_BEARER,)),
    11,
)
PERSON = Stored(
    User(
        user_id="https://idp.example#00u1",
        created_at=NOW - 9,
        identity_issuer="https://idp.example",
        identity_subject="00u1",
    ),
    13,
)


def decided(form=None, *, client=CLIENT, identity=IDENTITY, seen=None, user=PERSON, grants=(), policy=POLICY):
    request = a_redemption(form, client=client, policy=policy)
    return jwt_bearer(request, identity=identity, seen=seen, user=user, grants=grants)


@pytest.mark.requirement("EMA-01")
def test_a_person_gets_one_access_token_and_the_assertion_is_used_up_with_it():
    decision = decided({"resource": RESOURCE})
    assert decision.reply.body == {
        "access_token": "new-access",
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "read write",
    }
    held_client, used, held_user, grant, access = decision.changes
    assert (used, held_client) == (Insert(SEEN), Expect(Client, "c1", 11))
    assert held_user == Expect(User, "https://idp.example#00u1", 13)
    assert (grant.record.grant_type, grant.record.expires_at) == (JWT_BEARER, NOW + 86_400)
    assert (access.record.user_id, access.record.client_id) == ("https://idp.example#00u1", "c1")


def test_a_person_seen_for_the_first_time_gets_an_account_in_the_same_transaction():
    made = decided(user=None).changes[2]
    assert made == Insert(
        User(
            user_id="https://idp.example#00u1",
            created_at=NOW,
            identity_issuer="https://idp.example",
            identity_subject="00u1",
        )
    )


@pytest.mark.parametrize(
    ("named", "form", "issuer", "client", "scopes"),
    [
        (None, {}, IDP, CLIENT, ("read", "write")),
        (None, {"scope": "read"}, IDP, CLIENT, ("read",)),
        ("read", {}, IDP, CLIENT, ("read",)),
        ("read openid", {"scope": "read write"}, IDP, CLIENT, ("read",)),
        (None, {}, replace(IDP, scopes=("write",)), CLIENT, ("write",)),
        ("read write", {}, replace(IDP, scopes=("write",)), CLIENT, ("write",)),
        (None, {}, IDP, changed(CLIENT, scope="read"), ("read",)),
        ("read write", {"scope": "openid"}, IDP, changed(CLIENT, scope="read"), ("read",)),
    ],
)
@pytest.mark.requirement("T-04")
def test_only_what_everybody_allows_is_given(named, form, issuer, client, scopes):
    decision = decided(form, identity=replace(IDENTITY, issuer=issuer, scope=named), client=client)
    assert decision.changes[-1].record.scopes == scopes


def test_operation_scopes_are_given_only_when_they_are_named():
    identity = replace(IDENTITY, resource=replace(DOOR, operation_scopes=("admin",)))
    assert decided(identity=identity).reply.body["scope"] == "read write"
    assert decided({"scope": "admin"}, identity=identity).reply.body["scope"] == "admin"
    assert decided(identity=replace(identity, scope="admin")).reply.body["scope"] == "admin"


@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        ({"seen": Stored(SEEN, 1)}, "invalid_grant", "ASSERTION_REPLAYED"),
        ({"user": changed(PERSON, disabled_at=NOW)}, "invalid_grant", "USER_ENDED"),
        ({"user": changed(PERSON, identity_subject="00u2")}, "invalid_grant", "UNKNOWN_USER"),
        ({"user": changed(PERSON, identity_issuer=None)}, "invalid_grant", "UNKNOWN_USER"),
        ({"user": changed(PERSON, user_kind="service")}, "invalid_grant", "UNKNOWN_USER"),
        (
            {"user": None, "identity": replace(IDENTITY, issuer=replace(IDP, create_users=False))},
            "invalid_grant",
            "UNKNOWN_USER",
        ),
        ({"form": {"resource": "https://elsewhere.example/mcp"}}, "invalid_target", "FOREIGN_RESOURCE"),
        ({"form": {"resource": ISSUER}}, "invalid_target", "FOREIGN_RESOURCE"),
        ({"identity": replace(IDENTITY, scope="openid")}, "invalid_scope", "UNKNOWN_SCOPE"),
        ({"identity": replace(IDENTITY, scope="")}, "invalid_scope", "UNKNOWN_SCOPE"),
        ({"identity": replace(IDENTITY, scope='a"b')}, "invalid_scope", "MALFORMED_SCOPE"),
        ({"form": {"scope": "admin"}}, "invalid_scope", "UNKNOWN_SCOPE"),
        ({"client": changed(CLIENT, scope="admin")}, "invalid_scope", "UNKNOWN_SCOPE"),
    ],
)
@pytest.mark.requirement("EMA-01")
@pytest.mark.requirement("B-11")
def test_everything_else_is_refused(changes, error, reason):
    with pytest.raises(OAuthError) as refused:
        decided(**changes)
    assert (refused.value.error, refused.value.reason) == (error, Reason[reason])


@pytest.mark.parametrize(
    ("form", "client", "reason"),
    [
        ({"assertion": "a.b.c"}, changed(CLIENT, grant_types=()), "GRANT_TYPE_NOT_REGISTERED"),
        ({"assertion": "a.b.c"}, changed(CLIENT, token_endpoint_auth_method="none"), "PUBLIC_CLIENT"),
        ({}, CLIENT, "MISSING_PARAMETER"),
    ],
)
def test_only_a_confidential_client_with_the_grant_may_present_one(form, client, reason):
    with pytest.raises(OAuthError) as refused:
        presented_assertion(a_redemption(form, client=client))
    assert refused.value.reason is Reason[reason]
    assert presented_assertion(a_redemption({"assertion": "a.b.c"}, client=CLIENT)) == "a.b.c"


@pytest.mark.parametrize(
    ("form", "got"),
    [
        ({}, (NOTES.uri, ("notes",))),
        ({"resource": NOTES.uri, "scope": "notes:all read"}, (NOTES.uri, ("notes:all",))),
        ({"resource": RESOURCE}, "invalid_target"),
        ({"scope": "read"}, "invalid_scope"),
    ],
)
def test_the_token_is_for_the_door_of_the_assertion(form, got):
    identity = replace(IDENTITY, resource=NOTES)
    if isinstance(got, tuple):
        access = decided(form, identity=identity, policy=TWO_DOORS).changes[-1].record
        assert (access.resource, access.scopes) == got
        return
    with pytest.raises(OAuthError) as refused:
        decided(form, identity=identity, policy=TWO_DOORS)
    assert refused.value.error == got
