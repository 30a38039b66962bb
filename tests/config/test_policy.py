"""What the authorization server knows of the settings."""

from __future__ import annotations

from one_door import one_door

from doorward.config.model import Config, DoorSettings
from doorward.config.policy import policy_of
from doorward.oauth.policy import Resource


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


def test_the_title_of_a_door_is_that_of_its_resource():
    config = Config(doors=(door("notes", title="Team notes"),))
    assert policy_of(config).default_resource.title == "Team notes"


def test_an_installation_without_tokens_keeps_its_addresses():
    policy = policy_of(one_door(auth="none"))
    assert list(policy.resources) == ["http://127.0.0.1:8000/mcp"]
    assert policy.granting == ()
