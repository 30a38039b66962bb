from __future__ import annotations

import pytest
from door.fronts import legacy

from doorward.door.route import owned_paths


@pytest.mark.parametrize(
    ("path", "owned"), [("/mcp", {"/mcp", "/mcp/"}), ("/team/mcp/", {"/team/mcp", "/team/mcp/"}), ("/", {"/"})]
)
def test_a_door_owns_its_path_with_and_without_a_last_slash(path, owned):
    assert owned_paths(path) == owned


@pytest.mark.requirement("U-03")
@pytest.mark.parametrize(
    "path",
    [
        "//mcp",
        "/MCP",
        "/mcp/.",
        "/mcp//",
        "/mcp;a=b",
        "/x/../mcp",
        "/x/.well-known/../mcp",
        "/mcp\x00",
        "/mcp?",
        "mcp",
        "",
    ],
)
def test_a_path_that_only_resembles_the_door_is_not_the_door(path, open_front):
    assert path not in open_front.door.paths


@pytest.mark.requirement("T1")
@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_both_spellings_get_the_same_verdict_and_never_a_redirect(front, token, path):
    assert (await front.ask(legacy(), path=path)).status == 401
    answer = await front.ask(legacy(), path=path, token=token)
    assert answer.status == 200
    assert answer.one("location") is None
