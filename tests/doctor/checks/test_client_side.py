"""A fault of a client that a good server may step around."""

from __future__ import annotations

import pytest
from doctor.driving import driven, pictured

from doorward.doctor.checks.client_side import reads_the_root_first

ORIGIN = "https://mcp.example.com"
ROOT = f"{ORIGIN}/.well-known/oauth-protected-resource"
NAMED = f"{ROOT}/mcp"


@pytest.mark.parametrize(
    ("path", "documents", "named", "rules"),
    [
        ("/mcp", (NAMED,), NAMED, ["CLI-08"]),
        ("/mcp", (NAMED, ROOT), NAMED, []),
        ("/mcp", (), NAMED, []),
        ("/mcp", (NAMED,), "", []),
        ("", (NAMED,), NAMED, []),
    ],
)
def test_a_missing_root_document_is_a_note_where_the_challenge_names_another(path, documents, named, rules):
    seen = pictured(f"{ORIGIN}{path}", documents=documents)
    seen.challenge = {"resource_metadata": named}
    findings = driven(reads_the_root_first, seen, lambda _: pytest.fail("it asks for nothing"))
    assert [(each.rule, each.verdict) for each in findings] == [(rule, "note") for rule in rules]
