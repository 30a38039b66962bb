import pytest
from oauth.given import DOOR, POLICY, RESOURCE

from doorward.oauth.errors import InvalidTarget, Reason
from doorward.oauth.resource_indicators import canonical, narrow


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
