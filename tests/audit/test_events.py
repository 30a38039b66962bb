"""What the changes of a decision mean to the audit log."""

from __future__ import annotations

import msgspec
import pytest
from storage.samples import full, least

from doorward.audit.events import events_of
from doorward.oauth.tokens.revocation import end_grant
from doorward.records.accounts import BrowserSession, HeaderToken, User
from doorward.records.changes import Delete, DeleteAll, Expect, Insert, Replace, Stored
from doorward.records.keys import KeyRecord
from doorward.records.kinds import RECORD_TYPES
from doorward.records.oauth import (
    AccessToken,
    AuthorizationCode,
    AuthorizationRequest,
    Client,
    Consent,
    Grant,
    RefreshToken,
)

ASKED = least(AuthorizationRequest, "r", user_id="ann", finished_at=1)
KEY = KeyRecord(kid="k", use="signing", created_at=1, active_at=2, sealed_key=b"sealed")
OFF = least(User, "ann", disabled_at=1)


def nameless(resource):
    return ""


CASES = [
    ([Insert(least(Client, "c"))], ["client_registered ok"]),
    ([Delete(Client, "c", 1), DeleteAll(Consent, "client_id", "c")], ["client_removed ok", "consent_withdrawn ok"]),
    ([Insert(least(User, "ann"))], ["user_added ok"]),
    ([Replace(OFF, 1), DeleteAll(HeaderToken, "user_id", "ann")], ["user_changed ok", "header_token_revoked ok"]),
    ([Delete(User, "ann", 1)], ["user_removed ok"]),
    ([Insert(least(BrowserSession, "b"))], []),
    ([Insert(least(BrowserSession, "b", user_id="ann")), Delete(BrowserSession, "a", 1)], ["sign_in ok"]),
    (
        [Replace(ASKED, 1), Insert(least(Grant, "g")), Insert(least(AuthorizationCode, "d"))],
        ["consent ok", "grant_issued ok"],
    ),
    ([Replace(ASKED, 1)], ["consent denied"]),
    ([Replace(least(AuthorizationRequest, "r", user_id="ann"), 1)], []),
    (list(end_grant(Stored(least(Grant, "g"), 1), reason="administrator", now=2)), ["grant_ended ok"]),
    ([Replace(least(AuthorizationCode, "d", redeemed_at=1), 1), Insert(least(AccessToken, "t"))], ["token_issued ok"]),
    (
        [
            Replace(least(RefreshToken, "o", rotated_at=1), 1),
            Insert(least(AccessToken, "t")),
            Insert(least(RefreshToken, "n", predecessor_digest="o")),
        ],
        ["token_refreshed ok"],
    ),
    ([Delete(AccessToken, "t", 1)], ["token_revoked ok"]),
    ([Insert(least(HeaderToken, "t"))], ["header_token_created ok"]),
    ([Delete(HeaderToken, "t", 1)], ["header_token_revoked ok"]),
    ([Replace(least(HeaderToken, "t", last_used_at=3), 1)], []),
    ([Insert(KEY)], ["key_made ok"]),
    ([Expect(Grant, "g", 1)], []),
]


@pytest.mark.requirement("AUD-02")
@pytest.mark.parametrize(("changes", "expected"), CASES)
def test_changes_are_told(changes, expected):
    assert [f"{each.event} {each.outcome}" for each in events_of(changes, nameless)] == expected


def test_an_ended_grant_is_told_with_its_reason():
    (event,) = events_of(end_grant(Stored(least(Grant, "g"), 1), reason="replayed_code", now=2), nameless)
    assert (event.reason, event.grant_id, event.client_id) == ("replayed_code", "g", "client")


@pytest.mark.parametrize(
    "changes",
    [
        [Insert(least(Grant, "g"))],
        [Insert(least(AccessToken, "t"))],
        [Replace(ASKED, 1)],
        list(end_grant(Stored(least(Grant, "g"), 1), reason="administrator", now=2)),
    ],
)
def test_what_happens_to_a_grant_or_token_names_its_door(changes):
    at = {least(Grant, "g").resource: "notes"}
    (event,) = events_of(changes, lambda resource: at.get(resource, ""))
    assert event.detail["door"] == "notes"
    (event,) = events_of(changes, nameless)
    assert event.detail["resource"] in at
    assert "door" not in event.detail


@pytest.mark.parametrize("record_type", RECORD_TYPES, ids=lambda each: each.kind)
@pytest.mark.parametrize("change", [Insert, lambda record: Replace(record, 1)], ids=["insert", "replace"])
def test_no_kind_of_record_shows_what_is_secret_in_it(record_type, change):
    record = full(record_type)
    secrets = {
        value: f"SECRET-{name}-{'x' * 64}"
        for name, value in msgspec.structs.asdict(record).items()
        if isinstance(value, str) and any(word in name for word in ("digest", "hash", "challenge", "jwks"))
    }
    marked = msgspec.structs.replace(
        record,
        **{
            name: secrets[value]
            for name, value in msgspec.structs.asdict(record).items()
            if isinstance(value, str) and value in secrets
        },
    )
    said = repr(events_of([change(marked)], nameless))
    assert not [secret for secret in secrets.values() if secret in said]
