"""The doctor at further servers that nobody here wrote, and at doors of every kind: true faults by name, nothing else.

Each list is confirmed by the server's source or by a request by hand, and the comment beside it says which.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from typing import Any

import pytest
from flows.door import PASSWORD, serving
from flows.foreign import cloudflare, everything_server, python_server, typescript_v1, typescript_v2
from flows.processes import PYTHON, ROOT
from flows.signing_in import check_with_login
from flows.user_agent import Person

OWNER = Person("owner", PASSWORD)
NOBODY = Person()
"""For servers that ask nobody."""
NATIVE = "will break for claude-code, codex, vscode, gemini-cli, mcp-remote"
NO_PREFLIGHT = ("CORS-01", "risk")
# `StreamableHTTPServerTransport` looks for both media types in Accept, and takes no wildcard for them.
NO_WILDCARD = ("TRN-03", "risk")


def above_note(report: dict[str, Any]) -> set[tuple[str, str]]:
    assert report["faults"] == []
    return {(each["rule"], each["verdict"]) for each in report["findings"] if each["verdict"] != "note"}


def checked(url: str, *options: str) -> dict[str, Any]:
    words = [PYTHON, "-m", "doorward", "check", url, "--json", *options]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def signed_in(url: str, person: Person = NOBODY) -> dict[str, Any]:
    done = asyncio.run(check_with_login(url, person))
    assert len(done.codes) == 1
    return done.report


@pytest.mark.parametrize(
    ("start", "faults"),
    [
        (lambda: typescript_v1(sign_in=False), {NO_PREFLIGHT, NO_WILDCARD}),
        (lambda: typescript_v2(sign_in=False), {NO_PREFLIGHT, NO_WILDCARD}),
    ],
    ids=["typescript-v1", "typescript-v2"],
)
def test_the_faults_of_typescript_servers_are_found_and_no_others(start, faults):
    with start() as program:
        report = checked(program.url().replace("127.0.0.1", "localhost"))
    assert above_note(report) == faults


def test_the_faults_of_the_typescript_v1_example_with_sign_in_are_found_and_no_others():
    with typescript_v1(sign_in=True) as program:
        report = signed_in(program.url().replace("127.0.0.1", "localhost"))
    assert above_note(report) == {
        NO_PREFLIGHT,
        NO_WILDCARD,
        # `DemoInMemoryAuthProvider.authorize` looks the redirect URI up as it is, after the router has let it pass.
        ("AUT-01", NATIVE),
        # Its `challengeForAuthorizationCode` throws a plain Error, which the router turns into 500 server_error.
        ("TOK-04", "risk"),
        # The example's verifier throws a plain Error for a token it does not know: `curl` gets 500 server_error.
        ("RS-02", "broken"),
        # `exchangeAuthorizationCode` returns no refresh token, though the metadata names the grant.
        ("TOK-01", "broken"),
    }


def test_the_faults_of_a_typescript_v2_server_with_sign_in_are_found_and_no_others():
    with typescript_v2(sign_in=True) as program:
        report = signed_in(program.url())
    # Its refresh tokens are good for one use, as those of `server_v2.mjs` are.
    assert above_note(report) == {NO_PREFLIGHT, ("TOK-08", "risk")}


def test_the_authorization_server_of_cloudflare_has_one_risk_and_no_faults(tmp_path):
    with typescript_v2(sign_in=False) as upstream, cloudflare(tmp_path, upstream.url()) as program:
        report = signed_in(program.url())
    # It registers Cursor with its private-use scheme, and sends nobody there unless that is switched on.
    assert above_note(report) == {("REG-02", "risk")}


def test_fastmcp_with_its_provider_in_memory_has_the_faults_of_its_router_and_no_others():
    with python_server("in_memory_server") as program:
        report = signed_in(program.url())
    assert above_note(report) == {
        # Starlette redirects the other spelling with 307, and has no route for OPTIONS.
        ("TRN-01", "risk"),
        NO_PREFLIGHT,
        # The transport wants both media types, and takes a request without Accept for one that refuses both.
        ("TRN-03", "risk"),
        # `validate_redirect_uri` of the SDK compares redirect URIs as they are.
        ("AUT-01", NATIVE),
        # `ClientAuthenticator` of the SDK wants client_id in the body, whatever the Basic header says.
        ("TOK-03", "will break for chatgpt"),
        # A client may ask for no scope that it did not register.
        ("AUT-04", "risk"),
        # `exchange_refresh_token` deletes the old token before it issues the new one.
        ("TOK-08", "risk"),
    }


UPSTREAMS = {
    "legacy": everything_server,
    "modern": lambda: typescript_v2(sign_in=False),
    "both": lambda: python_server("fastmcp_server"),
}


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("auth", ["oauth", "none", "token"])
def test_a_door_has_no_faults_of_its_own_before_any_upstream(tmp_path, auth, upstream):
    with UPSTREAMS[upstream]() as program, serving(program.url(), data_dir=tmp_path, auth=auth) as door:
        token = ["--header", f"Authorization: Bearer {door.header_token()}"] if auth == "token" else []
        report = signed_in(door.url, OWNER) if auth == "oauth" else checked(door.url, *token)
    assert above_note(report) == set()
