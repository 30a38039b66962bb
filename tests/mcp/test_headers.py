from __future__ import annotations

import base64

import pytest

from doorward.mcp.headers import Mirrored, decode_value, disagreement, encode_value, read_mirrored


def sentinel(text: str) -> str:
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="


def test_the_mirrored_headers_are_read_without_their_edge_whitespace():
    lines = {b"mcp-protocol-version": b" 2026-07-28", b"mcp-method": b"tools/call\t", b"mcp-name": b"a b"}
    assert read_mirrored(lines, ()) == Mirrored("2026-07-28", "tools/call", "a b")
    assert read_mirrored({}, ()) == Mirrored()


@pytest.mark.parametrize("name", ["mcp-protocol-version", "mcp-method", "mcp-name"])
@pytest.mark.requirement("U-06")
def test_a_header_sent_twice_is_named(name):
    assert read_mirrored({name.encode(): b"x"}, (name.encode(),)).doubled == name


def test_other_headers_may_come_twice():
    assert read_mirrored({}, (b"mcp-param-x",)).doubled is None


@pytest.mark.parametrize("text", ["añb", " edge ", "", "=?base64?YQ==?=", "plain"])
def test_the_sentinel_is_undone(text):
    assert decode_value(sentinel(text)) == text


@pytest.mark.parametrize("text", ["plain", "", "=?base64?", "?=", "=?BASE64?YQ==?="])
def test_other_values_stand_for_themselves(text):
    assert decode_value(text) == text


@pytest.mark.parametrize("text", ["book", "a b", "", "bücher", " edge", "tab\t", "=?base64?YQ==?="])
def test_every_value_survives_its_way_through_a_header(text):
    encoded = encode_value(text)
    assert decode_value(encoded) == text
    assert encoded.isascii()
    assert encoded == encoded.strip()
    assert (encoded == text) == (text in {"book", "a b", ""})


@pytest.mark.parametrize("payload", ["YQ", "Y Q==", "YR==", "!!!!", "/w==", "é"])
def test_a_broken_sentinel_equals_nothing(payload):
    assert decode_value(f"=?base64?{payload}?=") is None


@pytest.mark.parametrize(
    ("method", "name", "params"),
    [
        ("tools/list", None, {}),
        ("tools/list", "ignored", {}),
        ("tools/call", "book", {"name": "book"}),
        ("tools/call", sentinel("bücher"), {"name": "bücher"}),
        ("prompts/get", "p", {"name": "p"}),
        ("resources/read", "file:///a", {"uri": "file:///a"}),
        ("tasks/get", "t1", {"taskId": "t1"}),
        ("tasks/get", None, {"taskId": "t1"}),
        ("tools/call", None, {}),
    ],
)
def test_agreeing_headers_pass(method, name, params):
    assert disagreement(Mirrored(method=method, name=name), method, params) is None


@pytest.mark.parametrize(
    ("header_method", "method", "name", "params"),
    [
        (None, "tools/list", None, {}),
        ("tools/list", "tools/call", "book", {"name": "book"}),
        ("Tools/Call", "tools/call", "book", {"name": "book"}),
        ("tools/call", "tools/call", None, {"name": "book"}),
        ("tools/call", "tools/call", "Book", {"name": "book"}),
        ("tools/call", "tools/call", "book", {}),
        ("tools/call", "tools/call", "=?base64?%%?=", {"name": "=?base64?%%?="}),
        ("tools/call", "tools/call", "7", {"name": 7}),
        ("prompts/get", "prompts/get", "a", {"name": "b"}),
        ("resources/read", "resources/read", "file:///a", {"uri": "file:///b", "name": "file:///a"}),
        ("tasks/cancel", "tasks/cancel", "t1", {"taskId": "t2"}),
        ("tasks/update", "tasks/update", "t1", {}),
    ],
)
@pytest.mark.requirement("U-06")
def test_a_missing_or_lying_header_is_a_mismatch(header_method, method, name, params):
    assert disagreement(Mirrored(method=header_method, name=name), method, params)
