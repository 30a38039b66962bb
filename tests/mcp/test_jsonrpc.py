from __future__ import annotations

import json

import pytest

from doorward.mcp.jsonrpc import (
    INVALID_REQUEST,
    PARSE_ERROR,
    Message,
    Refusal,
    error_body,
    idless_error_body,
    read_message,
)


def read(value: object) -> Message | Refusal:
    return read_message(json.dumps(value).encode())


@pytest.mark.parametrize("rpc_id", [0, 7, -1, "a", "", 10**30])
def test_a_request_keeps_its_id_exactly(rpc_id):
    message = read({"jsonrpc": "2.0", "id": rpc_id, "method": "ping"})
    assert message == Message("request", "ping", rpc_id, {})
    assert type(message.rpc_id) is type(rpc_id)


def test_a_message_without_an_id_is_a_notification():
    message = read({"jsonrpc": "2.0", "method": "notifications/initialized", "params": {"a": 1}})
    assert message == Message("notification", "notifications/initialized", None, {"a": 1})


@pytest.mark.parametrize("outcome", ["result", "error"])
def test_a_message_without_a_method_is_a_response(outcome):
    assert read({"jsonrpc": "2.0", "id": 3, outcome: {}}) == Message("response", rpc_id=3)


@pytest.mark.requirement("U-07")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{} trailing",
        b"// comment\n{}",
        b"\xef\xbb\xbf{}",
        b'{"a": NaN}',
        b'{"jsonrpc": "2.0", "method": "ping", "method": "tools/call"}',
        b'"\xff"',
        b'{"a": "\\ud800"}',
        b"[" * 200_000,
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_two_parsers_could_read_differently_is_a_parse_error_without_an_id(body):
    refusal = read_message(body)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.code, refusal.rpc_id) == (400, PARSE_ERROR, None)


@pytest.mark.parametrize("value", [1, "text", None, True, 1.5])
def test_a_body_that_is_no_object_is_refused(value):
    refusal = read(value)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.code) == (400, INVALID_REQUEST)


@pytest.mark.parametrize("batch", [[], [{"jsonrpc": "2.0", "id": 1, "method": "ping"}]])
def test_a_batch_is_refused_by_name(batch):
    refusal = read(batch)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.code, refusal.rpc_id) == (400, INVALID_REQUEST, None)
    assert "batch" in refusal.message


@pytest.mark.parametrize(
    "value",
    [
        {"id": 5, "method": "ping"},
        {"jsonrpc": "1.0", "id": 5, "method": "ping"},
        {"jsonrpc": 2.0, "id": 5, "method": "ping"},
        {"jsonrpc": "2.0", "id": 5, "method": ""},
        {"jsonrpc": "2.0", "id": 5, "method": 3},
        {"jsonrpc": "2.0", "id": 5, "method": None},
        {"jsonrpc": "2.0", "id": 5, "method": "ping", "result": {}},
        {"jsonrpc": "2.0", "id": 5, "method": "ping", "error": {}},
        {"jsonrpc": "2.0", "id": 5, "method": "ping", "params": [1]},
        {"jsonrpc": "2.0", "id": 5, "method": "ping", "params": None},
        {"jsonrpc": "2.0", "id": 5},
        {"jsonrpc": "2.0", "id": 5, "result": {}, "error": {}},
    ],
)
def test_a_malformed_message_is_refused_with_the_id_it_carried(value):
    refusal = read(value)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.code, refusal.rpc_id) == (400, INVALID_REQUEST, 5)


@pytest.mark.parametrize("rpc_id", [None, True, 1.5, [], {}])
@pytest.mark.parametrize("rest", [{"method": "ping"}, {"result": {}}])
def test_an_id_of_another_type_is_refused_and_not_echoed(rpc_id, rest):
    refusal = read({"jsonrpc": "2.0", "id": rpc_id, **rest})
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.rpc_id) == (INVALID_REQUEST, None)


def test_a_response_without_an_id_is_refused():
    assert isinstance(read({"jsonrpc": "2.0", "result": {}}), Refusal)


def test_an_error_body_carries_the_id_or_null():
    assert json.loads(error_body(-1, "m", data=[1], rpc_id="x")) == {
        "jsonrpc": "2.0",
        "id": "x",
        "error": {"code": -1, "message": "m", "data": [1]},
    }
    assert json.loads(error_body(-1, "m"))["id"] is None


def test_an_error_about_no_particular_request_has_no_id_at_all():
    assert json.loads(idless_error_body(-1, "m")) == {"jsonrpc": "2.0", "error": {"code": -1, "message": "m"}}


@pytest.mark.parametrize("member", ["Method", "METHOD", "Params", "param\u017f", "ID", "Result", "JSONRPC"])
@pytest.mark.requirement("U-07")
def test_a_member_in_a_second_spelling_is_refused(member):
    refusal = read({"jsonrpc": "2.0", "id": 4, "method": "ping", member: "tools/call"})
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.code, refusal.rpc_id) == (400, INVALID_REQUEST, 4)


def test_a_member_of_another_name_is_nobodys_business():
    assert read({"jsonrpc": "2.0", "id": 4, "method": "ping", "extra": 1}) == Message("request", "ping", 4, {})
