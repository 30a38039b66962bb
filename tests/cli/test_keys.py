"""`doorward keys`, run in this process on a database of either kind."""

from __future__ import annotations


def test_the_keys_are_listed_and_rotated_without_being_shown(anywhere):
    anywhere("tokens", "create", "--name", "ci", "--json")
    before = anywhere("keys", "list", "--json")
    assert [(each["use"], each["state"]) for each in before] == [("encryption", "current"), ("signing", "current")]
    made = anywhere("keys", "rotate", "--json")
    assert (made["use"], made["state"]) == ("signing", "next")
    assert made["active_at"] > made["created_at"]
    assert anywhere("keys", "rotate", "--json")["kid"] == made["kid"]
    at_once = anywhere("keys", "rotate", "--kind", "encryption", "--now")
    assert "New encryption key" in at_once
    uses = [(each["use"], each["state"]) for each in anywhere("keys", "list", "--json")]
    assert uses.count(("signing", "current")) == 1
    assert uses.count(("signing", "next")) == 1
    assert len([use for use, _ in uses if use == "encryption"]) == 2
    text = anywhere("keys", "list")
    assert made["kid"] in text
    assert "sealed" not in text
