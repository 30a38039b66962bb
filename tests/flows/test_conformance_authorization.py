"""The official conformance suite's authorization mode against a door; the suite's browser is ours."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from flows import conformance, foreign
from flows.door import PASSWORD, Door, serving
from flows.processes import free_port
from flows.user_agent import Browser, Person

SCENARIOS = {"authorization-server-metadata-endpoint", "authorization-code-grant"}


def verdicts(door: Door, *, decision: str = "approve") -> dict[str, list[str]]:
    """Register a client for the suite, and be its user."""
    port = free_port()
    redirect_uri = f"http://127.0.0.1:{port}/callback"
    body = {"redirect_uris": [redirect_uri], "token_endpoint_auth_method": "none"}
    client = httpx2.post(door.program.url("/register"), json=body).raise_for_status().json()

    def visit(url: str) -> None:
        back = asyncio.run(Browser().follow(url, redirect_uri, Person(password=PASSWORD, decision=decision)))
        httpx2.get(redirect_uri, params=back.parameters)

    parts = urlsplit(door.url)
    issuer = f"{parts.scheme}://{parts.netloc}"
    return conformance.run_authorization(issuer, client["client_id"], resource=door.url, port=port, visit=visit)


@pytest.mark.requirement("A2")
@pytest.mark.requirement("A1")
def test_every_scenario_of_the_authorization_mode_passes(tmp_path: Path):
    with serving(foreign.SERVERS / "fastmcp_server.py", data_dir=tmp_path / "data") as door:
        found = verdicts(door)
    assert set(found) == SCENARIOS
    assert {status for each in found.values() for status in each} == {"SUCCESS"}, found


def test_the_suite_notices_a_sign_in_that_fails(tmp_path: Path):
    with serving(foreign.SERVERS / "fastmcp_server.py", data_dir=tmp_path / "data") as door:
        found = verdicts(door, decision="deny")
    assert any(status.startswith("FAILURE") for status in found["authorization-code-grant"]), found
