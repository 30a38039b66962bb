"""Self-registration, a pre-registered client and a header token, all on one door at once."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from flows import foreign
from flows.door import PASSWORD, Door, serving
from flows.python_client import REDIRECT_URI, known_client, visit
from flows.user_agent import Person

PERSON = Person(password=PASSWORD)
WHOAMI = [("whoami", {})]


@pytest.fixture(scope="module")
def door(tmp_path_factory) -> Iterator[Door]:
    target = foreign.SERVERS / "fastmcp_server.py"
    data_dir = tmp_path_factory.mktemp("door") / "data"
    with serving(target, data_dir=data_dir, options=["--workers", "1"]) as running:
        yield running


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_server_behind_knows_the_user_and_never_the_credential(door: Door, mode: str):
    seen = await visit(door.url, WHOAMI, mode=mode, person=PERSON)
    told = seen.results[0].structured_content
    assert told["authenticated"] is True
    assert told["subject"] == "owner"
    assert told["resource"] == door.url
    assert told["scopes"] == ["mcp"]
    assert not told["token"].startswith("dw")


@pytest.mark.parametrize("kind", ["--public", "--confidential"])
async def test_a_pre_registered_client_signs_in_without_registering(door: Door, kind: str):
    added = door.command("clients", "add", "--name", "Known", "--redirect-uri", REDIRECT_URI, kind)
    keyring = known_client(added["client_id"], added["client_secret"])
    seen = await visit(door.url, WHOAMI, person=PERSON, keyring=keyring)
    assert seen.results[0].structured_content["client_id"] == added["client_id"]
    assert ("/register", 201) not in seen.answers


async def test_a_header_token_needs_no_sign_in_and_ends_when_it_is_revoked(door: Door):
    issued = door.command("tokens", "create", "--name", "script")
    headers = {"Authorization": f"Bearer {issued['token']}"}
    seen = await visit(door.url, WHOAMI, headers=headers)
    assert seen.results[0].structured_content["subject"] == "owner"
    assert {path for path, _ in seen.answers} == {"/mcp"}
    door.command("tokens", "revoke", issued["id"])
    async with httpx2.AsyncClient(headers=headers) as http:
        assert (await http.post(door.url, json={})).status_code == 401


async def test_a_person_who_says_no_leaves_nothing_behind(door: Door):
    before = door.command("grants", "list")
    with pytest.RaisesGroup(PermissionError, flatten_subgroups=True):
        await visit(door.url, person=Person(password=PASSWORD, decision="deny"))
    assert door.command("grants", "list") == before


async def test_revoking_a_grant_from_the_command_line_acts_on_the_next_request(door: Door):
    before = {grant["grant_id"] for grant in door.command("grants", "list")}
    added = door.command("clients", "add", "--name", "Known", "--redirect-uri", REDIRECT_URI, "--public")
    keyring = known_client(added["client_id"])
    await visit(door.url, person=PERSON, keyring=keyring)
    (grant_id,) = {grant["grant_id"] for grant in door.command("grants", "list")} - before
    headers = {"Authorization": f"Bearer {keyring.tokens.access_token}"}
    await visit(door.url, headers=headers)
    door.command("grants", "revoke", grant_id)
    async with httpx2.AsyncClient(headers=headers) as http:
        assert (await http.post(door.url, json={})).status_code == 401


@pytest.mark.parametrize(("mode", "era"), [("auto", "modern"), ("legacy", "legacy")])
@pytest.mark.parametrize("server", ["fastmcp_server", "sdk_server"])
async def test_progress_and_questions_pass_through_in_both_eras(tmp_path, server: str, mode: str, era: str):
    with serving(foreign.SERVERS / f"{server}.py", data_dir=tmp_path / "data", auth="token") as door:
        headers = {"Authorization": f"Bearer {door.header_token()}"}
        calls = [("countdown", {"steps": 3}), ("greet", {})]
        seen = await visit(door.url, calls, mode=mode, headers=headers, answer={"name": "Ann"})
    assert seen.era == era
    assert [result.content[0].text for result in seen.results] == ["3 steps", "Hello, Ann!"]
    assert seen.progress == [1, 2, 3]
