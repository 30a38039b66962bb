"""The standing grant of a client and a user: found again, made once, and left alone when it no longer serves."""

from __future__ import annotations

import msgspec
import pytest
from oauth.given import DOOR, NOW, POLICY, a_client, a_redemption

from doorward.oauth.errors import Reason, UnauthorizedClient
from doorward.oauth.grant_types import CLIENT_CREDENTIALS
from doorward.oauth.grants.standing import (
    access_token_only,
    require_confidential,
    require_grant_type,
    standing_grant,
    wanted_grant,
)
from doorward.records.changes import Expect, Insert, Stored
from doorward.records.oauth import Client

CLIENT = a_client(grant_types=(CLIENT_CREDENTIALS,), token_endpoint_auth_method="client_secret_basic")
REQUEST = a_redemption({}, client=CLIENT, now=NOW)
WANTED = wanted_grant(
    REQUEST,
    CLIENT_CREDENTIALS,
    user_id="u1",
    scopes=("read",),
    resource=DOOR,
    lifetime_seconds=POLICY.grant_absolute_seconds,
)


def made(*before: Stored) -> Stored:
    grant, change = standing_grant(REQUEST, before, WANTED)
    assert change == Insert(grant)
    return Stored(grant, 1)


def test_the_first_request_makes_the_grant_under_an_id_that_racers_share():
    assert made() == made()
    assert made().record == msgspec.structs.replace(WANTED, grant_id=made().record.grant_id)


def test_a_later_request_expects_the_grant_that_it_found():
    found = made()
    assert standing_grant(REQUEST, [found], WANTED) == (found.record, Expect(type(WANTED), found.record.grant_id, 1))


def test_of_several_the_oldest_serves():
    old = Stored(msgspec.structs.replace(made().record, grant_id="z", created_at=NOW - 9), 4)
    grant, _ = standing_grant(REQUEST, [made(), old], WANTED)
    assert grant.grant_id == "z"


@pytest.mark.parametrize(
    "changes",
    [
        {"revoked_at": NOW - 1},
        {"resource": "https://door.example/notes/mcp"},
        {"grant_type": "refresh_token"},
        {"scopes": ("write",)},
        {"expires_at": NOW + POLICY.access_token_seconds - 1},
    ],
)
def test_a_grant_that_does_not_serve_is_left_and_another_made_beside_it(changes):
    first = made()
    other = Stored(msgspec.structs.replace(first.record, **changes), 2)
    assert made(other).record.grant_id != first.record.grant_id


def test_the_token_holds_only_while_client_and_grant_are_as_they_were_read():
    found = made()
    held = Expect(type(WANTED), found.record.grant_id, 1)
    decision = access_token_only(
        REQUEST, found.record, scopes=("read",), changes=(held,), expires_at=NOW + 60, issued_token_type="t"
    )
    client, grant, added = decision.changes
    assert client == Expect(Client, CLIENT.client_id, REQUEST.client.version)
    assert grant == held
    assert (added.record.grant_id, added.record.scopes, added.record.expires_at) == (held.key, ("read",), NOW + 60)
    assert decision.reply.body == {
        "access_token": "new-access",
        "token_type": "Bearer",
        "expires_in": 60,
        "scope": "read",
        "issued_token_type": "t",
    }


def test_only_a_confidential_client_that_has_the_grant_may_use_it():
    require_grant_type(CLIENT, CLIENT_CREDENTIALS)
    require_confidential(CLIENT)
    with pytest.raises(UnauthorizedClient) as refused:
        require_grant_type(a_client(), CLIENT_CREDENTIALS)
    assert refused.value.reason is Reason.GRANT_TYPE_NOT_REGISTERED
    with pytest.raises(UnauthorizedClient) as refused:
        require_confidential(a_client())
    assert refused.value.reason is Reason.PUBLIC_CLIENT
