"""Tools: the pages they come on, and what each client accepts of them."""

from __future__ import annotations

import pytest
from doctor.examining import URL, only, rules_of

from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.requests import Response
from doorward.doctor.engine.rules import profiles
from doorward.doctor.engine.run import examine
from testbed.answers import reply, rpc_error
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


async def test_annotations_are_looked_at_where_the_newer_era_is_spoken():
    for server, found in ((Open, ["VER-06"]), (LegacyOpen, [])):

        class Annotated(server):
            def change(self):
                self.tools[0]["inputSchema"]["properties"]["text"]["x-mcp-header"] = "no good name"

        assert rules_of(await examined(Annotated())) == found
