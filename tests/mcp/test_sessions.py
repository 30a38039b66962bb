from __future__ import annotations

import pytest

from doorward.clock import CountingEntropy
from doorward.keys.sealing import Sealer
from doorward.mcp.sessions import LONGEST_ID, McpSession, seal_session_id, session_context, unseal_session_id

SEALER = Sealer("mcp session", b"kid1", {b"kid1": bytes(32)}, CountingEntropy())
CONTEXT = session_context("/mcp", ("ann", "client-1"))


@pytest.mark.parametrize("worker_id", ["", "0a1b2c3d"])
@pytest.mark.parametrize("upstream_id", ["4451", "a" * 128, "with\x00nul", "caf\xe9", ""])
def test_an_id_opens_for_whom_it_was_made(worker_id, upstream_id):
    session = McpSession(worker_id, upstream_id)
    sealed = seal_session_id(session, CONTEXT, SEALER.seal)
    assert unseal_session_id(sealed, CONTEXT, SEALER.unseal) == session
    assert sealed.isascii()
    assert sealed.isprintable()
    assert " " not in sealed


@pytest.mark.parametrize(
    "context",
    [
        session_context("/mcp", ("bob", "client-1")),
        session_context("/mcp", ("ann", "client-2")),
        session_context("/other", ("ann", "client-1")),
        session_context("/mcp", ()),
        session_context("/mcp", ("annclient-1",)),
        session_context("/mcp", ("ann\x008:client-1",)),
    ],
)
def test_an_id_does_not_open_for_another_principal_or_door(context):
    sealed = seal_session_id(McpSession("w", "4451"), CONTEXT, SEALER.seal)
    assert unseal_session_id(sealed, context, SEALER.unseal) is None


def test_an_id_changed_in_any_place_does_not_open():
    sealed = seal_session_id(McpSession("w", "4451"), CONTEXT, SEALER.seal)
    for index, character in enumerate(sealed[:-1]):
        changed = sealed[:index] + ("A" if character != "A" else "B") + sealed[index + 1 :]
        assert unseal_session_id(changed, CONTEXT, SEALER.unseal) is None


@pytest.mark.parametrize("made_up", ["", "x", "4451", "a b", "a=b=", "é", "AAAAA", "A" * (LONGEST_ID + 1)])
def test_an_id_that_was_made_up_does_not_open(made_up):
    assert unseal_session_id(made_up, CONTEXT, SEALER.unseal) is None
