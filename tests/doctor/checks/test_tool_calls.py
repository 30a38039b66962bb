from __future__ import annotations

import json
from dataclasses import replace

import pytest
from doctor.checks.test_catalogue import READS, SCHEMA, examined
from doctor.examining import only

from doorward.doctor.checks.tool_calls import safe
from doorward.doctor.engine.requests import Response
from testbed.answers import event
from testbed.good import ModernOpen, Open


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ({"inputSchema": SCHEMA, "annotations": READS}, {}),
        ({"inputSchema": SCHEMA | {"required": []}, "annotations": READS}, {}),
        (
            {
                "inputSchema": {
                    "type": "object",
                    "properties": {"a": {"const": 1}, "b": {"default": None}, "c": {"enum": ["x", "y"]}, "d": {}},
                    "required": ["a", "b", "c"],
                },
                "annotations": READS,
            },
            {"a": 1, "b": None, "c": "x"},
        ),
        ({"inputSchema": SCHEMA}, None),
        ({"inputSchema": SCHEMA, "annotations": {}}, None),
        ({"inputSchema": SCHEMA, "annotations": {"readOnlyHint": "true"}}, None),
        ({"inputSchema": SCHEMA, "annotations": READS | {"destructiveHint": True}}, None),
        ({"inputSchema": SCHEMA, "annotations": READS, "execution": {"taskSupport": "required"}}, None),
        ({"inputSchema": {"required": ["q"], "properties": {"q": {"type": "string"}}}, "annotations": READS}, None),
        ({"inputSchema": {"required": ["q"]}, "annotations": READS}, None),
        ({"inputSchema": {"required": [7]}, "annotations": READS}, None),
        ({"inputSchema": {"required": "q"}, "annotations": READS}, None),
        ({"inputSchema": None, "annotations": READS}, None),
    ],
)
def test_only_a_tool_that_reads_and_needs_nothing_to_think_of_is_called(tool, arguments):
    assert safe({"name": "t", **tool}) == arguments


async def test_nothing_else_is_ever_called():
    class Dangerous(Open):
        def change(self):
            for tool in self.tools:
                tool["annotations"] = {"readOnlyHint": False}

    server = Dangerous()
    report = await examined(server)
    called = [json.loads(each.body)["params"]["name"] for each in server.requests if b'"tools/call"' in each.body]
    assert called
    assert all(name.startswith("doorward-check-") for name in called)
    assert "read-only" in report.not_checked["TOOL-05"]


async def test_at_most_five_tools_are_called_and_those_with_a_schema_first():
    class Many(ModernOpen):
        def change(self):
            plain, schemed = self.tools
            self.tools = [{**plain, "name": f"echo{number}"} for number in range(6)] + [schemed]

    server = Many()
    await examined(server)
    called = [json.loads(each.body)["params"]["name"] for each in server.requests if b"progressToken" in each.body]
    assert (len(called), called[0]) == (5, "count_words")


@pytest.mark.parametrize(
    ("result", "verdict", "words"),
    [
        ({"content": [], "structuredContent": {"words": 1}}, None, ""),
        ({"content": []}, "broken", "returns no structured content"),
        ({"content": [], "structuredContent": {"words": "1"}}, "broken", "/words: not of type integer"),
        ({"content": [], "structuredContent": None}, "broken", "not of type object"),
        ({"content": [], "isError": True}, None, ""),
        ({"content": [], "isError": True, "structuredContent": {"code": 1}}, "risk", "/words: missing"),
        ({"resultType": "input_required", "inputRequests": {}}, None, ""),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_each_result_is_compared_with_the_schema_of_its_tool(result, verdict, words, streamed):
    class Answering(Open):
        def tool(self, params):
            return result if params["name"] == "count_words" else super().tool(params)

        def called(self, message, members):
            answer = super().called(message, members | ({} if "resultType" not in result else result))
            if not streamed or message["method"] != "tools/call":
                return answer
            progress = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1}}
            return replace(
                answer,
                headers={**answer.headers, "content-type": "text/event-stream"},
                body=event(progress) + event(answer.json),
            )

    findings = (await examined(Answering())).findings
    assert [finding.rule for finding in findings] == (["TOOL-05"] if verdict else [])
    for finding in findings:
        assert finding.verdict == verdict or (verdict == "broken" and finding.verdict.startswith("will break for"))
        assert words in finding.summary


@pytest.mark.parametrize(
    ("seconds", "progress", "verdict"),
    [(19.0, False, None), (25.0, False, "risk"), (70.0, False, "broken"), (70.0, True, None)],
)
async def test_a_long_call_must_show_that_it_goes_on(seconds, progress, verdict):
    class Long(Open):
        def called(self, message, members):
            answer = super().called(message, members)
            if message["method"] != "tools/call" or message["params"]["name"] != "echo":
                return answer
            said = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1}}
            body = (event(said) if progress else b"") + event(answer.json)
            headers = {**answer.headers, "content-type": "text/event-stream"}
            arrivals = ((1.0, 10), (seconds, 10))
            return replace(answer, headers=headers, body=body, elapsed_seconds=seconds, arrivals=arrivals)

    findings = (await examined(Long(), repeat=1)).findings
    assert [(finding.rule, finding.verdict) for finding in findings] == ([("TIME-01", verdict)] if verdict else [])


async def test_a_call_that_does_not_end_within_the_patience_is_named_as_such():
    class Hanging(Open):
        def called(self, message, members):
            if message["method"] == "tools/call" and message["params"]["name"] == "echo":
                return Response(0, fault="timeout", sentence="It did not answer.", elapsed_seconds=75.0)
            return super().called(message, members)

    finding = only(await examined(Hanging(), repeat=1))
    assert (finding.rule, finding.verdict) == ("TIME-01", "broken")
    assert "75 seconds" in finding.summary
