"""Tools: the pages they come on, what each client takes of them, and the results of those that only read."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from doctor.examining import URL, only, rules_of

from doorward.doctor.checks.tool_calls import safe
from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.requests import Response
from doorward.doctor.engine.rules import profiles
from doorward.doctor.engine.run import examine
from testbed.answers import event, reply, rpc_error
from testbed.good import Good, LegacyOpen, ModernOpen, Open

SCHEMA = {"type": "object", "properties": {}}
READS = {"readOnlyHint": True}


async def examined(server: Good, **picture):
    return await examine(Picture(URL, **{"token": server.hand_out(), **picture}), server.send)


class Paged(LegacyOpen):
    """Tools on pages; what stands on each, and which cursor it has."""

    pages: tuple[tuple[int, ...], ...] = ((0, 1), (2, 3), (4,))
    last_cursor: object = None

    def listed(self, params):
        at = int(params.get("cursor") or 0)
        tools = [{"name": f"tool_{number}", "inputSchema": SCHEMA} for number in self.pages[at]]
        more = str(at + 1) if at + 1 < len(self.pages) else self.last_cursor
        return {"tools": tools} | ({} if more is None else {"nextCursor": more})


async def test_several_pages_are_followed_and_are_a_note():
    server = Paged()
    finding = only(await examined(server))
    assert (finding.rule, finding.verdict) == ("TOOL-03", "note")
    assert "5 tools on 3 pages" in finding.evidence


class EmptyLast(Paged):
    """The last page is empty."""

    pages = ((0, 1), ())


class Repeats(Paged):
    """The second page is the first one."""

    pages = ((0, 1), (0, 1), (2,))


class SameCursor(Paged):
    """The last page has a cursor that was there before."""

    last_cursor = "1"


class EmptyCursor(Paged):
    """The last page has an empty cursor, as libraries write that do not leave members out."""

    pages = ((0, 1),)
    last_cursor = ""


async def test_an_empty_cursor_is_a_risk():
    finding = only(await examined(EmptyCursor()))
    assert (finding.rule, finding.verdict) == ("TOOL-03", "risk")


class CursorToAnError(Paged):
    """A cursor of the server's own is refused."""

    def called(self, message, members):
        if message.get("params", {}).get("cursor"):
            return rpc_error(200, -32602, message["id"])
        return super().called(message, members)


@pytest.mark.parametrize(
    ("server", "verdict", "words"),
    [
        (EmptyLast, "risk", "empty page"),
        (Repeats, "broken", "listed before"),
        (SameCursor, "broken", "does not advance"),
        (CursorToAnError, "broken", "Page 2"),
    ],
)
async def test_each_way_in_which_pages_do_not_end_is_named(server, verdict, words):
    finding = only(await examined(server()))
    assert (finding.rule, finding.verdict) == ("TOOL-03", verdict)
    assert words in finding.summary


async def test_pages_without_end_are_left_after_fifty_in_each_era():
    class Endless(Open):
        def listed(self, params):
            at = int(params.get("cursor") or 0)
            return {"tools": [{"name": f"t{at}", "inputSchema": SCHEMA}], "nextCursor": str(at + 1)}

    server = Endless()
    report = await examined(server)
    found = {finding.rule: finding for finding in report.findings}
    assert found["TOOL-03"].verdict == "risk"
    assert not report.crashed
    asked = [request for request in server.requests if b'"cursor"' in request.body]
    assert len(asked) == 2 * 49


async def test_a_list_that_asks_for_a_token_where_the_handshake_does_not_is_one_cause():
    class GuardsTools(Open):
        def called(self, message, members):
            return reply(401, {}) if message["method"].startswith("tools/") else super().called(message, members)

    finding = only(await examined(GuardsTools()))
    assert finding.rule == "RS-03"


async def test_a_catalogue_that_is_too_large_to_read_is_told():
    class Huge(Open):
        def called(self, message, members):
            if message["method"] == "tools/list":
                return Response(0, fault="too_large", sentence="The answer is larger than 262144 bytes.")
            return super().called(message, members)

    finding = only(await examined(Huge()))
    assert (finding.rule, finding.verdict) == ("SCALE-01", "risk")


async def test_a_few_tools_with_very_long_descriptions_are_too_much_too():
    class Wordy(LegacyOpen):
        def change(self):
            self.tools[0]["description"] = "word " * 50_000

    finding = only(await examined(Wordy()))
    assert (finding.rule, len(finding.clients)) == ("SCALE-01", len(profiles()))


@pytest.mark.parametrize(("count", "clients"), [(40, []), (41, ["cursor"]), (129, ["chatgpt", "cursor", "vscode"])])
async def test_each_client_has_its_own_limit_of_tools(count, clients):
    class Many(Open):
        def change(self):
            self.tools = [{"name": f"t{number}", "inputSchema": SCHEMA} for number in range(count)]

    report = await examined(Many())
    assert [sorted(finding.clients) for finding in report.findings] == ([clients] if clients else [])


@pytest.mark.parametrize(
    ("capabilities", "tools", "found"),
    [
        ({"tools": {}}, True, []),
        ({"tools": []}, True, ["TOOL-04"]),
        ({"tools": True}, True, ["TOOL-04"]),
        ({}, True, ["TOOL-04"]),
        ([], True, ["TOOL-04"]),
        ({}, False, []),
        ({"tools": {}}, False, []),
        ({"tools": None}, False, ["TOOL-04"]),
    ],
)
async def test_the_tools_capability_is_compared_with_what_is_there(capabilities, tools, found):
    class Server(Open):
        def change(self):
            self.tools = self.tools if tools else []

        def capabilities(self):
            return capabilities

    assert rules_of(await examined(Server())) == found


async def test_a_server_without_tools_has_no_fault():
    class NoTools(Open):
        def capabilities(self):
            return {"prompts": {}}

        def called(self, message, members):
            if message["method"].startswith("tools/"):
                return rpc_error(404 if members else 200, -32601, message["id"])
            return super().called(message, members)

    assert rules_of(await examined(NoTools())) == []


async def test_tools_that_are_announced_and_cannot_be_listed_are_found():
    class Crashing(Open):
        def called(self, message, members):
            if message["method"] == "tools/list":
                return rpc_error(500, -32603, message["id"])
            return super().called(message, members)

    finding = only(await examined(Crashing()))
    assert finding.rule == "TOOL-04"


async def test_a_schema_names_the_tool_the_place_and_whom_it_stops():
    class Union(Open):
        def change(self):
            self.tools[0]["inputSchema"] = {"type": "object", "oneOf": [{}]}

    finding = only(await examined(Union()))
    assert "gemini-cli" not in finding.clients
    assert "  echo: /inputSchema/oneOf" in "\n".join(finding.evidence)


async def test_an_output_schema_that_the_newer_era_allows_is_no_fault_there():
    for server, found in ((LegacyOpen, ["TOOL-01"]), (ModernOpen, [])):

        class Listing(server):
            def change(self):
                self.tools[0]["outputSchema"] = {"anyOf": [{"type": "object"}]}
                self.tools[0]["annotations"] = {}

        assert [rule for rule in rules_of(await examined(Listing())) if rule != "VER-03"] == found


@pytest.mark.parametrize(
    ("name", "verdict", "clients"),
    [
        ("a" * 30, None, None),
        ("a" * 31, "risk", {"cursor"}),
        ("a" * 35, "risk", {"cursor", "claude", "claude-code", "chatgpt", "librechat"}),
        ("a" * 61, "will break for cursor", {"cursor"}),
        ("two words", "broken", {"cursor", "claude", "claude-code", "chatgpt", "librechat"}),
        ("a/b", "broken", {"cursor", "claude", "claude-code", "chatgpt", "librechat"}),
    ],
)
async def test_each_client_takes_its_own_names(name, verdict, clients):
    class Named(Open):
        def change(self):
            self.tools[0]["name"] = name

    findings = (await examined(Named())).findings
    assert {each for finding in findings for each in finding.clients} == (clients or set())
    assert all(verdict in (finding.verdict, "broken") for finding in findings)


async def test_a_name_that_is_listed_twice_stops_everybody():
    class Twice(Open):
        def change(self):
            self.tools.append(self.tools[0])

    finding = only(await examined(Twice()))
    assert (finding.rule, finding.verdict) == ("TOOL-02", "broken")


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


async def test_annotations_are_looked_at_where_the_newer_era_is_spoken():
    for server, found in ((Open, ["VER-06"]), (LegacyOpen, [])):

        class Annotated(server):
            def change(self):
                self.tools[0]["inputSchema"]["properties"]["text"]["x-mcp-header"] = "no good name"

        assert rules_of(await examined(Annotated())) == found
