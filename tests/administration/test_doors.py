"""The operations on doors over HTTP: what a capability opens, and what is shown of a door."""

from __future__ import annotations

import msgspec
import pytest
from storage.samples import least
from world import ISSUER, world

from doorward.directory.header_tokens import NewHeaderToken, create_header_token
from doorward.records.accounts import HeaderToken
from doorward.records.changes import Insert
from doorward.records.doors import AddedDoor, DoorChanges
from doorward.records.oauth import AccessToken, Consent, Grant

URL = "http://127.0.0.1:9/mcp"
DOORS = ("admin:read", "admin:doors")


async def administer(w, method, path, body=None, *, capabilities=DOORS):
    new = NewHeaderToken(name="t", user_id="owner", scopes=(), lifetime_seconds=None, capabilities=capabilities)
    token, _ = await create_header_token(w.door.store, w.clock, w.door.entropy, new)
    async with w.browser() as http:
        headers = {"authorization": f"Bearer {token}"}
        return await http.request(method, f"{ISSUER}/-/api/v1{path}", json=body, headers=headers)


async def test_a_door_is_added_shown_changed_and_removed(tmp_path):
    async with world(tmp_path) as w:
        made = await administer(w, "POST", "/doors", {"name": "time", "target": URL, "scopes": ["time"]})
        assert (made.status_code, made.json()["url"]) == (201, f"{ISSUER}/time/mcp")
        shown = (await administer(w, "GET", "/doors/time")).json()
        assert (shown["source"], shown["auth"], shown["target"]) == ("command", "oauth", URL)
        assert shown["change"] == made.json()["change"] == 1
        changed = await administer(w, "PUT", "/doors/time", {"path": "/t"})
        assert changed.json() == {"name": "time", "url": f"{ISSUER}/t", "change": 2}
        assert (await administer(w, "POST", "/doors", {"name": "time", "target": URL})).status_code == 409
        assert (await administer(w, "DELETE", "/doors/time")).status_code == 200
        assert (await administer(w, "DELETE", "/doors/time")).status_code == 404


async def test_lists_come_in_pages(tmp_path):
    async with world(tmp_path) as w:
        for name in ("c", "a", "b"):
            assert (await administer(w, "POST", "/doors", {"name": name, "target": URL})).status_code == 201
        first = (await administer(w, "GET", "/doors?limit=2")).json()
        rest = (await administer(w, "GET", f"/doors?limit=2&cursor={first['next_cursor']}")).json()
        assert [each["name"] for each in first["items"]] == ["a", "b"]
        assert [each["name"] for each in rest["items"]][:1] == ["c"]


@pytest.mark.parametrize(
    "body",
    [
        {"target": ["sh", "-c", "true"]},
        {"target": "-- sh -c true"},
        {"target": "server.py"},
        {"target": "os"},
        {"settings": {"target": ["sh"]}},
        {"target": URL, "settings": {"upstream_headers_file": "/etc/hostname"}},
    ],
)
async def test_running_a_program_or_reading_a_file_takes_a_capability_of_its_own(tmp_path, body):
    async with world(tmp_path) as w:
        assert (await administer(w, "POST", "/doors", {"name": "time", "target": URL})).status_code == 201
        for method, path in (("POST", "/doors"), ("PUT", "/doors/time")):
            sent = {**body, **({"name": "other"} if method == "POST" else {})}
            refused = await administer(w, method, path, sent)
            assert refused.status_code == 403
            assert "admin:programs" in refused.text
        both = (*DOORS, "admin:programs")
        assert (await administer(w, "POST", "/doors", {"name": "t", **body}, capabilities=both)).status_code != 403


async def test_a_capability_for_other_things_adds_no_door(tmp_path):
    async with world(tmp_path) as w:
        answer = await administer(
            w, "POST", "/doors", {"name": "time", "target": URL}, capabilities=("admin:clients", "admin:programs")
        )
        assert answer.status_code == 403


async def test_credentials_for_the_upstream_are_not_kept_in_the_database(tmp_path):
    async with world(tmp_path) as w:
        body = {"name": "time", "target": URL, "settings": {"upstream_headers": "X-Key: secret-value"}}
        refused = await administer(w, "POST", "/doors", body)
        assert refused.status_code == 400
        assert "upstream_headers_file" in refused.text
        assert "secret-value" not in refused.text


@pytest.mark.parametrize("made", [{"target": ["sh", "-c", "true"]}, {"target": URL, "settings": {"file": "secret"}}])
@pytest.mark.parametrize(
    "change",
    [
        {"target": "http://127.0.0.1:10/mcp"},
        {"auth": "token"},
        {"settings": {"upstream_headers_file": None}},
        {"target": "http://127.0.0.1:10/mcp", "settings": {"upstream_headers_file": None}},
    ],
)
async def test_a_door_that_took_a_capability_is_changed_only_with_it(tmp_path, made, change):
    both = (*DOORS, "admin:programs")
    async with world(tmp_path) as w:
        secret = tmp_path / "secret"
        secret.touch(0o600)
        secret.write_text("X-Key: secret-value")
        settings = {"upstream_headers_file": str(secret)} if "settings" in made else {}
        body = {"name": "time", **made, "settings": settings}
        assert (await administer(w, "POST", "/doors", body, capabilities=both)).status_code == 201
        before = (await administer(w, "GET", "/doors/time")).json()
        refused = await administer(w, "PUT", "/doors/time", change)
        assert (refused.status_code, "admin:programs" in refused.text) == (403, True)
        assert (await administer(w, "GET", "/doors/time")).json() == before
        assert (await administer(w, "PUT", "/doors/time", change, capabilities=both)).status_code == 200


async def test_what_was_allowed_at_a_door_ends_with_it_and_opens_nothing_in_its_place(tmp_path):
    async with world(tmp_path) as w:
        await administer(w, "POST", "/doors", {"name": "time", "target": URL})
        await administer(w, "POST", "/doors", {"name": "notes", "target": URL})
        store, kept = w.door.store, {}
        for name in ("time", "notes"):
            resource = f"{ISSUER}/{name}/mcp"
            grant = msgspec.structs.replace(least(Grant, f"grant {name}"), resource=resource, revoked_at=None)
            access = msgspec.structs.replace(
                least(AccessToken, f"access {name}"), grant_id=grant.grant_id, resource=resource, expires_at=None
            )
            consent = msgspec.structs.replace(least(Consent, f"consent {name}"), resource=resource)
            token = msgspec.structs.replace(least(HeaderToken, f"token {name}"), door=name)
            kept[name] = (grant, access, consent, token)
            await store.apply([Insert(each) for each in kept[name]])
        assert (await administer(w, "DELETE", "/doors/time")).status_code == 200
        ended = await store.get(Grant, "grant time")
        assert (ended.record.revoked_at, ended.record.revoked_reason) == (w.clock.now(), "door_removed")
        assert [await store.get(type(each), each.key) for each in kept["time"][1:]] == [None] * 3
        assert [(await store.get(type(each), each.key)).record for each in kept["notes"]] == list(kept["notes"])


async def test_what_was_allowed_stays_where_no_door_is_removed(tmp_path):
    async with world(tmp_path) as w:
        token = msgspec.structs.replace(least(HeaderToken, "token"), door="mcp")
        await w.door.store.apply([Insert(token)])
        assert (await administer(w, "DELETE", "/doors/mcp")).status_code in {400, 404}
        assert (await w.door.store.get(HeaderToken, "token")).record == token


async def test_the_end_of_an_added_door_that_the_settings_hide_takes_nothing_from_the_door_of_that_name(tmp_path):
    async with world(tmp_path) as w:
        hidden = AddedDoor(name="mcp", settings=b'{"target":"http://127.0.0.1:9/mcp"}', added_at=0, change=1)
        token = msgspec.structs.replace(least(HeaderToken, "token"), door="mcp")
        grants = [
            msgspec.structs.replace(least(Grant, resource), resource=resource, revoked_at=None)
            for resource in (ISSUER, f"{ISSUER}/mcp", f"{ISSUER}/mcp/mcp")
        ]
        await w.door.store.apply([Insert(each) for each in (hidden, DoorChanges(number=1), token, *grants)])
        assert (await administer(w, "DELETE", "/doors/mcp")).status_code == 200
        assert await w.door.store.get(AddedDoor, "mcp") is None
        assert (await w.door.store.get(HeaderToken, "token")).record == token
        assert [(await w.door.store.get(Grant, each.key)).record for each in grants] == grants
