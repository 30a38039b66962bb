from __future__ import annotations

import pytest
from one_door import one_door

from doorward.config.addresses import mcp_url, policy_of
from doorward.config.model import Config, DoorSettings
from doorward.oauth.policy import Resource


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


def door(name, **settings):
    return DoorSettings(name=name, **{"path": f"/{name}/mcp", **settings})


def test_every_door_with_tokens_is_a_resource_with_its_own_scopes():
    config = Config(
        public_url="https://mcp.example.com",
        doors=(
            door("open", auth="none"),
            door("notes", scopes=("notes",), tool_scopes={"wipe": ("notes:all",)}),
            door("jobs", auth="token"),
        ),
        default_door="notes",
    )
    policy = policy_of(config)
    notes = Resource("https://mcp.example.com/notes/mcp", "notes", ("notes",), ("notes:all",))
    jobs = Resource("https://mcp.example.com/jobs/mcp", "jobs", ("mcp",), takes_access_tokens=False)
    assert list(policy.resources.values()) == [notes, jobs]
    assert policy.default_resource == notes
    assert policy.granting == (notes,)


def test_an_installation_without_tokens_keeps_its_addresses():
    policy = policy_of(one_door(auth="none"))
    assert list(policy.resources) == ["http://127.0.0.1:8000/mcp"]
    assert policy.granting == ()
