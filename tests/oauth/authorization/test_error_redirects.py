"""Whether an answer may leave for the client without a click, with one, or only as a link."""

from __future__ import annotations

import pytest
from oauth.given import REDIRECT_URI, a_client

from doorward.oauth.authorization.error_redirects import is_silent, may_answer_at_once, may_go_unasked
from doorward.oauth.clients.presets import CLIENT_PRESETS

KNOWN = CLIENT_PRESETS["claude"].redirect_uris[0]
CURSOR = CLIENT_PRESETS["cursor"].redirect_uris[0]
STRANGER = {"source": "dynamic"}


@pytest.mark.requirement("A-02")
@pytest.mark.parametrize(
    ("changes", "redirect_uri", "unasked", "at_once"),
    [
        ({"source": "registered"}, REDIRECT_URI, True, True),
        (STRANGER, REDIRECT_URI, False, True),
        (STRANGER | {"used_redirect_uris": (REDIRECT_URI,)}, REDIRECT_URI, True, True),
        (STRANGER | {"used_redirect_uris": (REDIRECT_URI,)}, f"{REDIRECT_URI}/other", False, True),
        (STRANGER, "http://127.0.0.1:3000/cb", True, True),
        (STRANGER, "http://localhost/cb", True, True),
        (STRANGER, "http://127.0.0.1.evil.example/cb", False, True),
        (STRANGER, KNOWN, True, True),
        (STRANGER, f"{KNOWN}/more", False, True),
        (STRANGER, CURSOR, True, True),
        (STRANGER, "com.example.app:/cb", False, False),
        (STRANGER | {"used_redirect_uris": ("com.example.app:/cb",)}, "com.example.app:/cb", True, True),
    ],
)
def test_an_answer_leaves_by_itself_only_for_an_address_that_somebody_trusted(changes, redirect_uri, unasked, at_once):
    client = a_client(**changes)
    assert (may_go_unasked(client, redirect_uri), may_answer_at_once(client, redirect_uri)) == (unasked, at_once)


@pytest.mark.parametrize(
    ("prompt", "destination", "redirect_uri", "silent"),
    [
        ("none", "iframe", REDIRECT_URI, True),
        ("login none", "iframe", REDIRECT_URI, True),
        ("none", None, REDIRECT_URI, True),
        ("none", "document", REDIRECT_URI, False),
        ("", "iframe", REDIRECT_URI, False),
        ("nonesuch", "iframe", REDIRECT_URI, False),
        ("none", "iframe", "com.example.app:/cb", False),
    ],
)
def test_only_a_frame_or_a_program_gets_the_answer_without_a_page(prompt, destination, redirect_uri, silent):
    assert is_silent(prompt, destination, redirect_uri) is silent
