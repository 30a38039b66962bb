from __future__ import annotations

import json
from typing import Any

import pytest

from doorward.upstreams.stdio.lines import REPAIR_LIMIT_BYTES, Heard, LineReader

ANSWER = b'{"jsonrpc":"2.0","id":7,"result":{"t":%s}}'
DEEP = b"[" * 50_000 + b"]" * 50_000


def heard(*lines: bytes) -> list[Any]:
    """The kind and id of each message, and what a strict reader makes of its line."""
    reader = LineReader()
    messages = [message for line in lines for message in reader.feed(line).messages]
    for message in messages:
        assert b"\n" not in message.line
        assert b"\r" not in message.line
    return [(each.kind, each.rpc_id, strict(each.line) if each.kind != "unreadable" else None) for each in messages]


def strict(line: bytes) -> Any:
    def refuse(name: str) -> Any:
        raise AssertionError(name)

    value = json.loads(line.decode(), parse_constant=refuse)
    json.dumps(value, ensure_ascii=False).encode()  # fails on half a pair
    return value


def answer(text: Any) -> list[Any]:
    return [("response", 7, {"jsonrpc": "2.0", "id": 7, "result": {"t": text}})]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (rb'"half \ud83d emoji"', "half \ufffd emoji"),
        (rb'"low \ude00"', "low \ufffd"),
        (rb'"\ud83d\ude00 \uD83D\uDE00 \u00e9"', "\U0001f600 \U0001f600 \u00e9"),
        (rb'"\\ud83d \ud83d"', "\\ud83d \ufffd"),
        (b'"caf\xe9"', "caf\ufffd"),
        (b'"\xed\xa0\xbd\xed\xb8\x80 \xed\xa0\xbd"', "\U0001f600 \ufffd"),
        (b'"a\tb\x00\x1f"', "a\tb\0\x1f"),
        (rb'"\q \x41 \u12"', "\\q \\x41 \\u12"),
        (b'"a\x7fb"', "a\x7fb"),
        (b'[NaN,-Infinity,Infinity,-1,"NaN"]', [None, None, None, -1, "NaN"]),
        ('"h\u00e9 \u2028 \U0001f600"'.encode(), "h\u00e9 \u2028 \U0001f600"),
        (b"9" * 5000 + b".0", None),
    ],
)
def test_what_is_nearly_json_is_passed_on_as_json(line: bytes, text: Any) -> None:
    [(kind, rpc_id, value)] = heard(ANSWER % line)
    assert (kind, rpc_id) == ("response", 7)
    if text is not None:
        assert value["result"]["t"] == text


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (b'{"code":"ENOENT","message":"no file"}', -32603, "no file"),
        (b'{"code":null,"message":"no file"}', -32603, "no file"),
        (b'{"code":-32000.0,"message":"no file"}', -32000, "no file"),
        (b'{"code":1.5,"message":"no file"}', -32603, "no file"),
        (b'{"code":true,"message":"no file"}', -32603, "no file"),
        (b'{"code":-32000}', -32000, "The server failed and did not say why."),
        (b'{"code":-32000,"message":["x"]}', -32000, "The server failed and did not say why."),
        (b'"no file"', -32603, "no file"),
        (b"[]", -32603, "The server failed and did not say why."),
        (b"false", -32603, "The server failed and did not say why."),
        (b'{"code":-32000,"message":"plain","data":{"a":1}}', -32000, "plain"),
    ],
)
def test_an_error_reaches_clients_in_the_form_that_they_read(error: bytes, code: int, message: str) -> None:
    [(kind, rpc_id, value)] = heard(b'{"jsonrpc":"2.0","id":7,"error":%s}' % error)
    assert (kind, rpc_id) == ("response", 7)
    assert value["error"]["code"] == code
    assert type(value["error"]["code"]) is int
    assert value["error"]["message"] == message


@pytest.mark.parametrize(
    "line",
    [
        b'\xef\xbb\xbf{"jsonrpc":"2.0","id":7,"result":{"t":1}}',
        b'{"jsonrpc":"2.0","id":7,"error":null,"result":{"t":1}}',
        b'{"jsonrpc":"2.0","id":7,"method":null,"result":{"t":1}}',
        b'{"id":7,"result":{"t":1}}',
        b'{"jsonrpc":"1.0","id":7,"result":{"t":1}}',
        b'{"jsonrpc":"2.0","id":7.0,"result":{"t":1}}',
        b'INFO answering: {"jsonrpc":"2.0","id":7,"result":{"t":1}}',
        b'"quoted { words" {"jsonrpc":"2.0","id":7,"result":{"t":1}}',
        b'12 {"jsonrpc":"2.0","id":7,"result":{"t":1}}',
        b'[{"jsonrpc":"2.0","id":7,"result":{"t":1}}]',
        b' {"jsonrpc":"2.0","id":7,"result":{"t":1}} \r',
        b'{"jsonrpc":"2.0","id":7,"result":{"t":1}} done',
    ],
)
def test_an_answer_is_found_however_it_is_wrapped(line: bytes) -> None:
    [(kind, rpc_id, value)] = heard(line)
    assert (kind, rpc_id, value["result"], value["jsonrpc"]) == ("response", 7, {"t": 1}, "2.0")


def test_messages_in_one_line_are_all_heard() -> None:
    line = b'{"jsonrpc":"2.0","method":"notifications/message","params":{}}{"jsonrpc":"2.0","id":7,"result":{"t":1}}'
    assert [each[:2] for each in heard(line)] == [("notification", None), ("response", 7)]
    batch = b'[{"jsonrpc":"2.0","id":7,"result":{}},\t{"jsonrpc":"2.0","id":"8","result":{}}]'
    assert [each[:2] for each in heard(batch)] == [("response", 7), ("response", "8")]


@pytest.mark.parametrize("indent", [0, 1, 2, "\t"])
@pytest.mark.parametrize("batch", [False, True])
def test_indented_json_is_put_together(indent: Any, batch: bool) -> None:
    value: Any = {"jsonrpc": "2.0", "id": 7, "result": {"t": ["}", {"a": 1}]}}
    text = json.dumps([value] if batch else value, indent=indent)
    assert heard(*text.encode().split(b"\n")) == [("response", 7, value)]


def test_a_line_end_inside_a_string_is_escaped() -> None:
    assert heard(b'{"jsonrpc":"2.0","id":7,"result":{"t":"a', b'b"}}') == answer("a\nb")


@pytest.mark.parametrize(
    ("lines", "ids"),
    [
        ((ANSWER % DEEP,), [7]),
        ((b'{"jsonrpc":"2.0","result":{"t":%s},"id":7}' % DEEP,), [7]),
        ((ANSWER % b"01",), [7]),
        ((ANSWER % b"[1,]",), [7]),
        ((b'{"jsonrpc":"2.0","id":7}',), [7]),
        ((b'{"jsonrpc":"2.0","result":{"t":[1,]}}',), [None]),
        ((b'{"jsonrpc":"2.0","id":7,"res{"jsonrpc":"2.0","id":"8","result":{}}',), ["8", 7]),
        ((ANSWER % (b'"' + b"\t" * (REPAIR_LIMIT_BYTES + 1) + b'"'),), [7]),
        ((b'{"jsonrpc":"2.0","result":"%s","id":7}' % (b"\t" * (REPAIR_LIMIT_BYTES + 1)),), [7]),
    ],
)
def test_an_answer_that_cannot_be_passed_on_still_says_which_it_was(lines: tuple[bytes, ...], ids: list[Any]) -> None:
    found = heard(*lines)
    assert {each[0] for each in found} == {"unreadable"}
    assert sorted((each[1] for each in found), key=repr) == sorted(ids, key=repr)


def test_an_answer_that_breaks_off_is_given_up_when_the_next_message_comes() -> None:
    found = heard(b'{"jsonrpc":"2.0","id":7,"result":{"t":"a', b'{"jsonrpc":"2.0","id":8,"result":{}}')
    assert [each[:2] for each in found] == [("unreadable", 7), ("response", 8)]


@pytest.mark.parametrize(
    "line",
    [
        b"plain text",
        b"[INFO] ready {not json}",
        b'{"level":"info","msg":"json log line"}',
        b'{"level":"error","error":"no file","id":7}',
        b'{"error":{"code":1,"message":"x"}}',
        b'{"id":7,"msg":"x"}',
        b'{"jsonrpc":"2.0"}',
        b"[1]",
        b"",
        b"\xff\xfe",
        b'received {"jsonrpc":"2.0","id":7,"method":"sampling/createMessage"}',
        b'DEBUG {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"said by a user"}}',
        b'tool returned {"id":7,"result":{}}',
    ],
)
def test_noise_is_no_message(line: bytes) -> None:
    assert LineReader().feed(line) == Heard(noise=line.strip())


def test_a_message_inside_a_string_or_another_message_is_none_of_the_servers() -> None:
    inner = '{"jsonrpc":"2.0","id":8,"result":{}}'
    assert heard(ANSWER % json.dumps(inner).encode()) == answer(inner)
    assert [each[:2] for each in heard(ANSWER % f"[{inner},NaN]".encode())] == [("response", 7)]
    assert [each[:2] for each in heard(ANSWER % f"[{inner},01]".encode())] == [("unreadable", 7)]


def test_what_a_banner_begins_and_does_not_end_costs_no_message() -> None:
    found = heard(b"{", b"   welcome", b'{"jsonrpc":"2.0","id":7,"result":{"t":1}}')
    assert found == answer(1)


def test_a_notification_with_a_null_id_is_a_notification() -> None:
    [(kind, _, value)] = heard(b'{"jsonrpc":"2.0","id":null,"method":"notifications/x"}')
    assert (kind, value) == ("notification", {"jsonrpc": "2.0", "method": "notifications/x"})
