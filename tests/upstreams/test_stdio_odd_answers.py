"""Answers that a child spells its own way, as its caller gets them: at once, whatever they are."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from upstreams.recorder import Pending, ask, call
from upstreams.stdio_upstreams import modern_tool, open_session, scripted, tool

RESULT = '"result":{"t":1}}'

ANSWERED = [
    '{"jsonrpc":"2.0","id":{id},' + RESULT,
    '{"jsonrpc":"2.0","id":"{id}",' + RESULT,
    '{"jsonrpc":"2.0","id":{id}.0,' + RESULT,
    '{"jsonrpc":"2.0","id":null,' + RESULT,
    '{"jsonrpc":"2.0",' + RESULT,
    '\xef\xbb\xbf{"jsonrpc":"2.0","id":{id},' + RESULT,
    'INFO {"jsonrpc":"2.0","id":{id},' + RESULT,
    '[{"jsonrpc":"2.0","id":{id},"result":{"t":1}}]',
    '{\n "jsonrpc": "2.0",\n "id": {id},\n "result": {\n  "t": 1\n }\n}',
    '{"jsonrpc":"2.0","method":"notifications/x"}{"jsonrpc":"2.0","id":{id},' + RESULT,
]
FAILED = [
    '{"jsonrpc":"2.0","id":{id},"error":"no file"}',
    '{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"no file"}}',
    '{"jsonrpc":"2.0","error":{"code":-32603,"message":"no file"}}',
    '{"jsonrpc":"2.0","id":{id},"error":{"code":"ENOENT","message":"no file"}}',
]
LOST = [
    '{"jsonrpc":"2.0","id":{id},"result":{"t":[1,]}}',
    '{"jsonrpc":"2.0","id":"{id}","result":{"t":[1,]}}',
    '{"jsonrpc":"2.0","result":{"t":[1,]}}',
    '{"jsonrpc":"2.0","id":{id},"result":{"t":' + "[" * 50_000 + "]" * 50_000 + "}}",
    '{"jsonrpc":"2.0","id":{id}}',
    '{"jsonrpc":"2.0","id":{id},"result":{"t":"broken off\n{"jsonrpc":"2.0","method":"notifications/x"}',
]


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_an_answer_in_an_odd_form_is_the_answer(era: str) -> None:
    async with scripted(era) as upstream:
        session = await open_session(upstream) if era == "legacy" else None
        for line in ANSWERED + FAILED:
            request = modern_tool("say", 7, lines=[line])
            if session is not None:
                request = call(tool("say", 7, lines=[line]), session=session)
            message = (await ask(upstream, request)).message(7)
            assert type(message["id"]) is int
            if line in ANSWERED:
                assert message == {"jsonrpc": "2.0", "id": 7, "result": {"t": 1}}
            else:
                assert (message["error"]["code"], message["error"]["message"]) == (-32603, "no file")


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_an_answer_that_cannot_be_passed_on_is_answered_at_once_and_logged_once(
    era: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "doorward")
    async with scripted(era) as upstream:
        session = await open_session(upstream) if era == "legacy" else None
        for line in LOST:
            request = modern_tool("say", 7, lines=[line])
            if session is not None:
                request = call(tool("say", 7, lines=[line]), session=session)
            caplog.clear()
            error = (await ask(upstream, request)).message(7)["error"]
            assert error["code"] == -32603
            assert "not a valid JSON-RPC message" in error["message"]
            told = [each for each in caplog.records if "could not be read" in each.message]
            assert [each.fields["rpc_id"] for each in told] == [7]  # type: ignore[attr-defined]
            assert "request_id" in told[0].fields  # type: ignore[attr-defined]


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_an_answer_that_names_nothing_is_nobodys_while_two_wait(era: str) -> None:
    async with scripted(era) as upstream:
        session = await open_session(upstream) if era == "legacy" else None

        def request(name: str, rpc_id: int, **arguments: Any) -> Any:
            if session is None:
                return modern_tool(name, rpc_id, {"progressToken": rpc_id}, **arguments)
            return call(tool(name, rpc_id, {"progressToken": rpc_id}, **arguments), session=session)

        other = Pending(upstream, request("never", 8))
        await other.answer.until(lambda a: a.body)
        lines = [
            '{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"whose?"}}',
            '{"jsonrpc":"2.0","id":{id},' + RESULT,
        ]
        answer = await ask(upstream, request("say", 7, lines=lines))
        assert answer.message(7)["result"] == {"t": 1}
        assert b"whose?" not in other.answer.body
        await other.leave()
