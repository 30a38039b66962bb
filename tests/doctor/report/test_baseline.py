"""The file of an earlier examination."""

from __future__ import annotations

import json

import pytest
from doctor.examining import URL

from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.run import examine
from doorward.doctor.report import baseline
from testbed.good import SignedTokens


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"{", "not JSON"),
        (b"[]", "not written by this command"),
        (b'{"version": 2}', "not written by this command"),
        (b'{"version": 1, "url": "https://other.example.com/mcp"}', "another URL"),
    ],
)
def test_a_file_that_is_no_baseline_of_this_server_is_refused(text, words):
    with pytest.raises(baseline.NotABaseline, match=words):
        baseline.read(text, URL)


async def test_a_baseline_holds_public_documents_alone():
    picture = Picture(URL, may_sign_in=True, repeat=1)
    server = SignedTokens()
    await examine(picture, server.send, sign_in=server.person)
    text = baseline.as_text(URL, picture.remembered)
    assert set(json.loads(text)) == {"version", "url", "resource", "server", "kids"}
    assert not [secret for secret in [*server.tokens, *server.refresh_tokens] if secret in text]
