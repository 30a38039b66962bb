"""What a start says about the place that the server was started in."""

from __future__ import annotations

import pytest
from flows.processes import ROOT

from doorward.app import Door
from doorward.cli.run_server import announce_start
from doorward.config.load import from_keywords


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        ({"public_url": "https://mcp.example.com"}, True),
        ({"public_url": "https://mcp.example.com", "trusted_proxies": ["127.0.0.1"]}, False),
        ({}, False),
    ],
)
async def test_a_proxy_that_nobody_named_is_warned_of(tmp_path, caplog, settings, warned):
    given = {"target": str(ROOT / "examples" / "04_asgi.py"), "data_dir": tmp_path, "database": "memory://", **settings}
    announce_start(Door(config=from_keywords(given, ROOT)), {})
    events = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert events == ["all_clients_share_the_proxy_s_address"] * warned
