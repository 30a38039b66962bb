"""How a bad value is quoted in a message."""

from __future__ import annotations

import pytest

from doorward.config.faults import Fault, shown, suggestion


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", '"plain"'),
        ('a "b"', r'"a \"b\""'),
        ("d\u00fcrfen", '"d\u00fcrfen"'),
        ("a\x1b[31m\n", r'"a\u001b[31m\n"'),
        ("\u202egnp", r'"\u202egnp"'),
        (7, "7"),
        (True, "true"),
        (["a"], '["a"]'),
        ({"a": {1, 2}.__class__}, None),
        ("https://u:hunter2@x.example/p?key=hunter2#hunter2", None),
    ],
)
def test_a_value_is_quoted_so_that_it_does_nothing_to_a_terminal_and_shows_no_secret(value, text):
    quoted = shown(value)
    assert quoted.isprintable()
    assert "hunter2" not in quoted
    assert text is None or quoted == text


def test_a_long_value_is_cut():
    assert shown("x" * 81) == '"' + "x" * 80 + '..."'
    assert shown("x" * 80) == '"' + "x" * 80 + '"'


@pytest.mark.parametrize(("word", "meant"), [("prot", "port"), ("pubic_url", "public_url"), ("zzz", None), ("", None)])
def test_the_likeliest_word_is_suggested_or_none(word, meant):
    assert suggestion(word, ["port", "public_url", "path"]) == meant


def test_a_fault_is_its_sentence_with_reason_and_fix_beside_it():
    fault = Fault("7 is odd", "It has no half.", "Write 8.")
    assert (str(fault), fault.why, fault.fix) == ("7 is odd", "It has no half.", "Write 8.")
