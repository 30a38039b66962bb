"""The official clients against servers without a door: the control for every flow that has one.

When one of these fails, the foreign world has changed, not Doorward.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flows import foreign
from flows.processes import Program
from flows.python_client import Keyring, known_client, visit
from flows.user_agent import Person

PASSWORD = "open sesame"


@pytest.fixture(scope="module")
def protected() -> Iterator[Program]:
    with foreign.python_server("protected_server") as program:
        yield program


@pytest.mark.parametrize(("mode", "era"), [("auto", "modern"), ("legacy", "legacy")])
@pytest.mark.parametrize("server", ["fastmcp_server", "sdk_server"])
async def test_the_python_client_calls_reports_progress_and_answers_in_both_eras(server: str, mode: str, era: str):
    with foreign.python_server(server) as program:
        calls = [("add", {"a": 1, "b": 2}), ("countdown", {"steps": 3}), ("greet", {})]
        seen = await visit(program.url(), calls, mode=mode, answer={"name": "Ann"})
    assert seen.era == era
    assert [result.content[0].text for result in seen.results] == ["3", "3 steps", "Hello, Ann!"]
    assert seen.progress == [1, 2, 3]


@pytest.mark.parametrize(("mode", "era"), [("auto", "modern"), ("legacy", "legacy")])
async def test_the_python_client_signs_in_comes_back_with_its_keys_and_with_a_known_client(
    protected: Program, mode: str, era: str
):
    keyring, person = Keyring(), Person(password=PASSWORD)
    first = await visit(protected.url(), [("whoami", {})], mode=mode, person=person, keyring=keyring)
    assert first.era == era
    assert first.results[0].structured_content["authenticated"] is True
    again = await visit(protected.url(), [("echo", {"text": "x"})], mode=mode, person=person, keyring=keyring)
    assert again.sign_ins == []
    known = known_client(keyring.client.client_id)
    other = await visit(protected.url(), [("echo", {"text": "x"})], mode=mode, person=person, keyring=known)
    assert len(other.sign_ins) == 1
    assert ("/register", 201) not in other.answers


@pytest.mark.parametrize(
    ("script", "mode", "era"),
    [("client_v1", "legacy", "legacy"), ("client_v2", "legacy", "legacy"), ("client_v2", "auto", "modern")],
)
def test_the_typescript_clients_sign_in_and_call(protected: Program, script: str, mode: str, era: str):
    flags = foreign.flags(tool="whoami", auth="dcr", mode=mode)
    seen = foreign.typescript_client(script, protected.url(), *flags, password=PASSWORD)
    assert seen["ok"], seen
    assert seen["era"] == era
    assert seen["result"]["structuredContent"]["authenticated"] is True
    assert seen["oauth"]["registrations"] == seen["oauth"]["authorizations"] == 1


@pytest.mark.parametrize("script", ["client_v1", "client_v2"])
def test_a_person_who_says_no_stops_the_typescript_clients(protected: Program, script: str):
    flags = foreign.flags(auth="dcr", decision="deny")
    seen = foreign.typescript_client(script, protected.url(), *flags, password=PASSWORD)
    assert not seen["ok"]
    assert "access_denied" in seen["message"]


def test_the_reference_server_answers_the_typescript_client():
    with foreign.everything_server() as program:
        flags = foreign.flags(tool="echo", arguments={"message": "hi"})
        seen = foreign.typescript_client("client_v2", program.url(), *flags)
    assert seen["ok"], seen
    assert (seen["era"], seen["mcp_session"]) == ("legacy", True)
    assert "hi" in seen["result"]["content"][0]["text"]
