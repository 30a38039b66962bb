"""From text and TOML to typed values."""

from __future__ import annotations

from pathlib import Path

import pytest

from doorward.config.faults import Fault
from doorward.config.settings import catalogue
from doorward.config.values import from_text, from_toml

BASE = Path("/srv/door")
SETTINGS = catalogue()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("port", " 9000 ", 9000),
        ("port", "-1", -1),
        ("data_dir", "door/data", BASE / "door/data"),
        ("data_dir", "/var/lib/door", Path("/var/lib/door")),
        ("scopes", "read, write,,", ("read", "write")),
        ("tool_scopes", "add=write admin, list=read", {"add": ("write", "admin"), "list": ("read",)}),
        ("auth", "none", "none"),
        ("allow_public_without_auth", "YES", True),
        ("allow_public_without_auth", " off ", False),
        ("trusted_issuers", '[{"issuer": "https://idp.example"}]', [{"issuer": "https://idp.example"}]),
    ],
)
def test_text_becomes_what_the_setting_holds(name, text, value):
    assert from_text(SETTINGS[name], text, BASE) == value


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("port", "80 80", "is not a whole number"),
        ("port", "", "is not a whole number"),
        ("port", "٣x", "is not a whole number"),
        ("allow_public_without_auth", "maybe", "is not true or false"),
        ("trusted_issuers", "[", "is not JSON"),
        ("auth", "Oauth2", "is not one of"),
        ("auth", " ", "is not one of"),
    ],
)
def test_text_that_is_no_such_value_is_quoted(name, value, words):
    with pytest.raises(Fault, match=words):
        from_text(SETTINGS[name], value, BASE)


@pytest.mark.parametrize(
    ("name", "value", "words", "fix"),
    [
        ("port", "9000", "is not a whole number", "Write 9000 without quotes."),
        ("port", True, "is not a whole number", ""),
        ("port", 9.5, "is not a whole number", ""),
        ("allow_public_without_auth", "true", "is not true or false", "Write `true` or `false`, without quotes."),
        ("scopes", "read", "is not a list of strings", 'Write them in brackets: ["one", "two"]'),
        ("scopes", ["read", 1], "is not a list of strings", 'Write them in brackets: ["one", "two"]'),
        ("tool_scopes", {"add": "write"}, "is not a table of lists", "Write a table: tool_scopes"),
        ("auth", "oath", "is not one of", "Did you mean `oauth`?"),
        ("data_dir", "", "is not a path", ""),
    ],
)
def test_a_toml_value_of_the_wrong_type_comes_with_the_fix(name, value, words, fix):
    with pytest.raises(Fault, match=words) as caught:
        from_toml(SETTINGS[name], value, BASE)
    assert caught.value.fix.startswith(fix)
    assert bool(caught.value.fix) == bool(fix)


def test_a_secret_is_never_quoted():
    secret = next(each for each in SETTINGS.values() if each.secret and each.kind == "string")
    with pytest.raises(Fault) as caught:
        from_toml(secret, 5_318_008, BASE)
    assert "5318008" not in str(caught.value)
    assert str(caught.value).startswith("the value")


def test_flags_may_hand_over_what_is_typed_already():
    assert from_text(SETTINGS["port"], 9000, BASE) == 9000
    assert from_text(SETTINGS["scopes"], ("a", "b"), BASE) == ("a", "b")
