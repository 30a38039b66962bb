from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from oauth.given import (
    ISSUER,
    NOTES,
    NOW,
    POLICY,
    RESOURCE,
    TWO_DOORS,
    a_client,
    a_grant,
    a_refresh_token,
    an_access_token,
)

from doorward.oauth.errors import InvalidClient, InvalidRequest, Reason
from doorward.oauth.tokens.introspection import introspect, jwt_claims
from doorward.records.accounts import HeaderToken

INACTIVE = {"active": False}
OWN = a_client(token_endpoint_auth_method="client_secret_basic")
OTHER = a_client(client_id="c2", token_endpoint_auth_method="client_secret_basic")
SERVER = a_client(client_id="rs", token_endpoint_auth_method="private_key_jwt", may_introspect=True)
HEADER = HeaderToken(token_digest="d", token_id="t1", name="ci", user_id="robot", scopes=("read",), created_at=NOW)


def ask(found, **changes):
    arguments = {"client": OWN, "found": found, "grant": a_grant().record, "now": NOW, "policy": POLICY}
    return introspect({"token": "x"}, **(arguments | changes))


@pytest.mark.requirement("T-07")
def test_a_client_id_alone_is_no_credential_even_for_a_resource_server():
    for client in (a_client(), a_client(may_introspect=True)):
        with pytest.raises(InvalidClient) as refused:
            ask(an_access_token(), client=client)
        assert refused.value.reason is Reason.NOT_AUTHENTICATED


def test_a_question_about_nothing_is_refused():
    with pytest.raises(InvalidRequest) as refused:
        introspect({}, client=OWN, found=None, grant=None, now=NOW, policy=POLICY)
    assert refused.value.reason is Reason.MISSING_PARAMETER


def test_a_token_for_administration_is_no_token_of_the_door():
    """The door refuses it, so nothing behind the door may be told that it is good there."""
    administration = msgspec.structs.replace(HEADER, capabilities=("users:read",))
    assert ask(HEADER, client=SERVER)["active"] is True
    assert ask(administration, client=SERVER) == INACTIVE


@pytest.mark.requirement("A17")
@pytest.mark.parametrize(
    ("found", "changes", "active"),
    [
        (an_access_token(), {}, True),
        (an_access_token(), {"client": SERVER}, True),
        (an_access_token(), {"client": OTHER}, False),
        (an_access_token(), {"now": NOW + 3599}, True),
        (an_access_token(), {"now": NOW + 3600}, False),
        (an_access_token(), {"grant": a_grant(revoked_at=NOW - 1).record}, False),
        (an_access_token(), {"grant": a_grant(expires_at=NOW).record}, False),
        (an_access_token(), {"grant": None}, True),
        (a_refresh_token().record, {}, True),
        (a_refresh_token().record, {"client": OTHER}, False),
        # Nobody sends one to a resource server but by mistake, and what is active there would let its holder in.
        (a_refresh_token().record, {"client": SERVER}, False),
        (a_refresh_token().record, {"grant": None}, False),
        (a_refresh_token(rotated_at=NOW).record, {}, False),
        (a_refresh_token(expires_at=NOW).record, {}, False),
        (HEADER, {"client": SERVER}, True),
        (HEADER, {"client": OWN}, False),
        (None, {"client": SERVER}, False),
    ],
)
@pytest.mark.requirement("T-07")
def test_a_token_is_active_for_whoever_may_know_while_it_is_good(found, changes, active):
    answer = ask(found, **changes)
    assert answer["active"] is active
    assert active or answer == INACTIVE


def test_what_is_told_is_what_the_record_holds():
    bound = an_access_token(dpop_jkt="thumbprint", act=("helper", "first"))
    assert ask(bound) == {
        "active": True,
        "scope": "read",
        "client_id": "c1",
        "username": "u1",
        "sub": "u1",
        "aud": RESOURCE,
        "iss": ISSUER,
        "exp": NOW + 3600,
        "iat": NOW,
        "token_type": "DPoP",
        "act": {"sub": "helper", "act": {"sub": "first"}},
        "cnf": {"jkt": "thumbprint"},
    }
    told = ask(HEADER, client=SERVER)
    assert told == {
        "active": True,
        "scope": "read",
        "username": "robot",
        "sub": "robot",
        "aud": RESOURCE,
        "iss": ISSUER,
        "iat": NOW,
        "token_type": "Bearer",
    }


@pytest.mark.requirement("RFC9701-5")
@pytest.mark.parametrize("answer", [INACTIVE, ask(an_access_token())])
def test_a_signed_answer_is_for_the_caller_and_says_nothing_about_the_token_outside(answer):
    assert jwt_claims(answer, client=SERVER, now=NOW, policy=POLICY) == {
        "iss": ISSUER,
        "aud": "rs",
        "iat": NOW,
        "token_introspection": answer,
    }


def test_each_token_is_for_its_own_door_and_a_header_token_without_one_for_all():
    access = an_access_token(resource=NOTES.uri)
    assert ask(access, policy=TWO_DOORS)["aud"] == NOTES.uri
    assert ask(an_access_token(), policy=TWO_DOORS)["aud"] == RESOURCE
    assert ask(HEADER, client=SERVER, policy=TWO_DOORS)["aud"] == [RESOURCE, NOTES.uri]
    assert ask(HEADER, client=SERVER)["aud"] == RESOURCE
    of_notes = msgspec.structs.replace(HEADER, door=NOTES.name)
    assert ask(of_notes, client=SERVER, policy=TWO_DOORS)["aud"] == NOTES.uri
    assert ask(of_notes, client=SERVER) == INACTIVE
    default = replace(TWO_DOORS, default_door=NOTES.name)
    assert ask(HEADER, client=SERVER, policy=default)["aud"] == NOTES.uri


def test_a_token_of_a_door_that_is_gone_is_good_for_nothing():
    for found in (an_access_token(resource=NOTES.uri), a_refresh_token(resource=NOTES.uri).record):
        assert ask(found, policy=TWO_DOORS)["active"] is True
        assert ask(found) == INACTIVE
