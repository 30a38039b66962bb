from __future__ import annotations

import pytest

from doorward.config.addresses import mcp_url
from doorward.config.model import Config
from doorward.config.policy import policy_of


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "http://127.0.0.1:8000/mcp"),
        ({"port": 80}, "http://127.0.0.1/mcp"),
        ({"port": 0}, "http://127.0.0.1/mcp"),
        ({"host": "::1"}, "http://[::1]:8000/mcp"),
        ({"public_url": "https://mcp.example.com"}, "https://mcp.example.com/mcp"),
    ],
)
def test_the_mcp_url_has_a_port_only_where_one_is_known_and_needed(settings, url):
    config = Config(**settings)
    assert mcp_url(config) == policy_of(config).default_resource.uri == url
