"""The doctor at servers that nobody here wrote: it finds their true faults, by name, and nothing else."""

from __future__ import annotations

import asyncio

import pytest
from flows.foreign import everything_server, python_server

from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.run import Report, examine
from doorward.doctor.network.sending import Network

# Starlette redirects the other spelling, and has no route for OPTIONS.
STARLETTE = {("TRN-01", "risk"), ("CORS-01", "risk")}
NATIVE = "claude-code, codex, vscode, gemini-cli, mcp-remote"


def examined(url: str) -> Report:
    network = Network(allow_private=True, timeout_seconds=20)
    return asyncio.run(examine(Picture(url), network.send))


@pytest.mark.parametrize(
    ("start", "faults"),
    [
        (lambda: python_server("fastmcp_server"), STARLETTE),
        (lambda: python_server("sdk_server"), STARLETTE),
        (
            lambda: python_server("protected_server"),
            STARLETTE
            | {
                # The SDK compares redirect URIs as they are, and its token endpoint wants client_id in the body.
                ("AUT-01", f"will break for {NATIVE}"),
                ("TOK-03", "will break for chatgpt"),
                ("AUT-04", "risk"),
                # The SDK serves the resource metadata where the challenge leads, and nowhere else.
                ("CLI-08", "note"),
            },
        ),
        # The TypeScript SDK of the handshake era takes no wildcard, and serves a list of messages as in early 2025
        # (`handlePostRequest` in its `streamableHttp.js`); the example answers a dead id with 400.
        (everything_server, {("TRN-03", "risk"), ("SES-02", "broken"), ("TRN-06", "note")}),
    ],
    ids=["fastmcp", "sdk", "fastmcp-with-sign-in", "everything"],
)
def test_the_faults_of_foreign_servers_are_found_and_no_others(start, faults):
    with start() as program:
        report = examined(program.url())
    assert {(each.rule, each.verdict) for each in report.findings} == faults
    assert not report.crashed
