"""What each kind of upstream says about itself; the door asks that, and never which kind it is."""

from __future__ import annotations

from typing import Any

import pytest
from upstreams.stdio_upstreams import SCRIPT, running, scripted

from doorward.upstreams.asgi.upstream import AsgiUpstream
from doorward.upstreams.http.upstream import HttpUpstream
from doorward.upstreams.port import Upstream
from doorward.upstreams.stdio.upstream import StdioUpstream

URL = "https://files.example.com/mcp"


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Stand for any ASGI app."""


def every_kind() -> list[Upstream]:
    return [
        HttpUpstream(URL, timeout_seconds=1, name="files"),
        AsgiUpstream(app, name="files"),
        StdioUpstream(["server"], name="files"),
    ]


def test_every_upstream_has_the_name_that_it_was_given():
    assert [each.name for each in every_kind()] == ["files"] * 3


def test_sessions_are_kept_here_unless_a_remote_server_keeps_them():
    assert [each.keeps_sessions_here for each in every_kind()] == [False, True, True]


def test_only_a_remote_server_has_an_audience():
    assert [each.audience for each in every_kind()] == [URL, None, None]


async def test_an_upstream_that_was_not_asked_names_no_era():
    remote, inside, _ = every_kind()
    assert [await remote.era(), await inside.era()] == [None, None]


@pytest.mark.parametrize(("speaks", "era"), [("legacy", "legacy"), ("modern", None)])
async def test_a_command_names_its_era_if_it_speaks_only_the_older_one(speaks, era):
    async with scripted(speaks) as upstream:
        assert await upstream.era() == era


async def test_a_command_is_asked_for_its_era_once(tmp_path):
    starts = tmp_path / "starts"
    counted = f"open({str(starts)!r}, 'a').write('x'); import runpy; runpy.run_path({SCRIPT!r}, run_name='__main__')"
    async with running("-c", counted, "modern") as upstream:
        asked = starts.read_text()
        await upstream.era()
        await upstream.era()
        assert starts.read_text() == asked
