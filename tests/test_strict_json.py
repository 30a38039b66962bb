"""The one decoder: one reading of every text it takes, and no text that is mere structure."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward import strict_json
from doorward.strict_json import MARKS_LIMIT, InvalidJson, decode

SMALL_LIMIT = 20
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('ab\\"[]{},:é\x01', max_size=12),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text('a\\"[:', max_size=4), inner, max_size=6),
    max_leaves=20,
)


def array_of(unit: bytes, marks: int) -> bytes:
    """Return an array with that many marks outside strings: its own bracket, and a comma before all units but one."""
    count = marks // (1 + marks_of(json.loads(unit)))
    return b"[" + b",".join([unit] * count) + b"]"


def marks_of(value: object) -> int:
    """Count brackets, commas and colons as the grammar puts them, from the value and not from its text."""
    if isinstance(value, dict):
        return 1 + max(len(value) - 1, 0) + len(value) + sum(map(marks_of, value.values()))
    if isinstance(value, list):
        return 1 + max(len(value) - 1, 0) + sum(map(marks_of, value))
    return 0


@pytest.mark.requirement("U-09")
@pytest.mark.parametrize("unit", [b"[]", b"{}", b"1", b'""', b'{"a":1}', b'"\\\\"', b'"\\"["'])
def test_a_body_that_is_mere_structure_is_refused_before_it_is_decoded(unit, monkeypatch):
    body = array_of(unit, MARKS_LIMIT + 10)
    monkeypatch.setattr(strict_json, "_DECODER", None)  # reaching it would be another error
    with pytest.raises(InvalidJson, match="brackets, commas and colons"):
        decode(body)


@pytest.mark.requirement("U-09", weak=True)
def test_the_limit_is_what_refuses_it(monkeypatch):
    body = array_of(b"[]", MARKS_LIMIT + 10)
    monkeypatch.setattr(strict_json, "MARKS_LIMIT", 1 << 40)
    assert len(decode(body)) > MARKS_LIMIT // 2


@pytest.mark.parametrize(
    "value",
    [
        "[{,:" * MARKS_LIMIT,
        '\\"[' * MARKS_LIMIT,
        "\\" * MARKS_LIMIT + '"' + "[" * MARKS_LIMIT,
        {"code": "if (a[0]) { b(c, d); }\n" * 40_000, "text": 'He said: "no, [never]", and left. ' * 20_000},
        [0.12345678] * 300_000,
    ],
    ids=["marks", "escaped quotes", "backslashes", "code and prose", "numbers"],
)
def test_a_long_honest_text_is_decoded(value):
    assert decode(json.dumps(value).encode()) == value


@given(VALUES)
@settings(max_examples=300, deadline=None, database=None)
@pytest.mark.requirement("U-09")
def test_marks_are_counted_outside_strings_only(value):
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")) + " " * SMALL_LIMIT
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strict_json, "MARKS_LIMIT", SMALL_LIMIT)
        if marks_of(value) <= SMALL_LIMIT:
            assert decode(text.encode()) == value
        else:
            with pytest.raises(InvalidJson):
                decode(text.encode())


@given(st.binary(max_size=200) | st.text('{}[]:,"\\u0ed8aN1.-+ \n', max_size=80).map(str.encode))
@settings(max_examples=300, deadline=None, database=None)
def test_any_bytes_are_decoded_or_refused(data):
    try:
        value = decode(data)
    except InvalidJson:
        return
    assert json.loads(data) == value
