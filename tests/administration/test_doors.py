"""The operations on doors over HTTP: what a capability opens, and what is shown of a door."""

from __future__ import annotations

import pytest
from world import ISSUER, world

from doorward.directory.header_tokens import NewHeaderToken, create_header_token

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
        for method, path in (("POST", "/doors"), ("PUT", "/doors/time")):
            sent = {**body, **({"name": "time"} if method == "POST" else {})}
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
