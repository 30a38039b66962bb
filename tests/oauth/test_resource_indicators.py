from dataclasses import replace

import pytest
from oauth.given import DOOR, ISSUER, NOTES, POLICY, RESOURCE, TWO_DOORS

from doorward.oauth.errors import InvalidGrant, InvalidTarget, Reason
from doorward.oauth.policy import by_uri
from doorward.oauth.resource_indicators import canonical, granted, narrow


@pytest.mark.parametrize(
    "spelling",
    [
        None,
        RESOURCE,
        RESOURCE + "/",
        "HTTPS://door.example/mcp",
        "https://DOOR.Example:443/mcp/",
        "https://door.example:443/mcp",
    ],
)
def test_every_spelling_of_the_door_is_the_door(spelling):
    assert narrow(spelling, policy=POLICY) == DOOR


@pytest.mark.requirement("A10")
@pytest.mark.parametrize(
    "other",
    [
        "https://door.example",
        "https://door.example/",
        "https://door.example/MCP",
        "https://door.example/mcp//",
        "https://door.example/mcp/x",
        "https://door.example/mcp2",
        "https://door.example/mcp?x=1",
        "https://door.example/mcp#x",
        "https://door.example/x/../mcp",
        "https://door.example/%6dcp",
        "https://door.example:8443/mcp",
        "https://user@door.example/mcp",
        "https://door.example.evil.example/mcp",
        "http://door.example/mcp",
        "https://evil.example/mcp",
        "door.example/mcp",
        "/mcp",
        "",
        "javascript:alert(1)",
    ],
)
@pytest.mark.requirement("T-04")
@pytest.mark.requirement("A-07")
@pytest.mark.requirement("U-01")
def test_any_other_resource_is_foreign(other):
    with pytest.raises(InvalidTarget) as refused:
        narrow(other, policy=POLICY)
    assert refused.value.reason is Reason.FOREIGN_RESOURCE


@pytest.mark.parametrize(
    ("uri", "spelling"),
    [
        ("HTTP://LocalHost:80", "http://localhost"),
        ("http://localhost:8000/", "http://localhost:8000"),
        ("https://a.example/X/?q=1", "https://a.example/X?q=1"),
        ("https://[::1]/", "https://[::1]"),
        ("com.example:/x", None),
        ("https://a.example/#", None),
    ],
)
def test_there_is_one_canonical_spelling(uri, spelling):
    assert canonical(uri) == spelling


@pytest.mark.parametrize(
    ("requested", "default", "door"),
    [
        (RESOURCE, "", DOOR),
        (NOTES.uri, "", NOTES),
        (f"{NOTES.uri}/", "", NOTES),
        ("HTTPS://Door.example:443/notes/mcp/", "mcp", NOTES),
        (None, "notes", NOTES),
        (None, "mcp", DOOR),
        (RESOURCE, "notes", DOOR),
    ],
)
def test_of_several_doors_the_named_one_is_meant_and_otherwise_the_default(requested, default, door):
    assert narrow(requested, policy=replace(TWO_DOORS, default_door=default)) == door


@pytest.mark.parametrize(
    ("requested", "reason", "told"),
    [
        (None, Reason.MISSING_RESOURCE, ("2 resources", "parameter resource", "default_door")),
        ("", Reason.FOREIGN_RESOURCE, ("none of the 2",)),
        (ISSUER, Reason.FOREIGN_RESOURCE, ("none of the 2",)),
        (f"{ISSUER}/notes", Reason.FOREIGN_RESOURCE, ("none of the 2",)),
        (f"{NOTES.uri}//", Reason.FOREIGN_RESOURCE, ("none of the 2",)),
        (f"{NOTES.uri}/x", Reason.FOREIGN_RESOURCE, ("none of the 2",)),
    ],
)
def test_no_door_is_guessed(requested, reason, told):
    with pytest.raises(InvalidTarget) as refused:
        narrow(requested, policy=TWO_DOORS)
    assert refused.value.reason is reason
    assert all(part in refused.value.description for part in told)


def test_nothing_is_granted_for_a_door_that_takes_header_tokens_only():
    closed = replace(NOTES, takes_access_tokens=False)
    policy = replace(TWO_DOORS, resources=by_uri(DOOR, closed))
    assert narrow(None, policy=policy) == DOOR
    with pytest.raises(InvalidTarget):
        narrow(closed.uri, policy=policy)
    with pytest.raises(InvalidTarget):
        narrow(None, policy=replace(policy, default_door="notes"))


@pytest.mark.parametrize("requested", [None, NOTES.uri, f"{NOTES.uri}/", "HTTPS://door.example/notes/mcp"])
@pytest.mark.parametrize("default", ["", "mcp"])
def test_what_was_granted_for_a_door_stays_at_that_door(requested, default):
    assert granted(NOTES.uri, requested=requested, policy=replace(TWO_DOORS, default_door=default)) == NOTES


@pytest.mark.parametrize("requested", [RESOURCE, f"{RESOURCE}/", ISSUER, "", "https://evil.example/mcp"])
def test_what_was_granted_for_a_door_is_not_moved_to_another(requested):
    with pytest.raises(InvalidTarget) as refused:
        granted(NOTES.uri, requested=requested, policy=TWO_DOORS)
    assert refused.value.reason is Reason.FOREIGN_RESOURCE
    assert NOTES.uri in refused.value.description


@pytest.mark.parametrize("requested", [None, RESOURCE, NOTES.uri, "https://evil.example/mcp"])
def test_what_was_granted_for_a_door_that_is_gone_needs_the_user_again(requested):
    with pytest.raises(InvalidGrant) as refused:
        granted(NOTES.uri, requested=requested, policy=POLICY)
    assert refused.value.reason is Reason.WRONG_RESOURCE
